"""What may go wrong in the demo itself."""

from jobhopper.errors import JobhopperError


class NotInstalledError(JobhopperError):
    """The demo needs a package that is not there."""


class DemoError(JobhopperError):
    """The demo did not end as it has to; its logs may tell why."""


class ServerDidNotStartError(DemoError):
    """The demo's own server did not come up."""


class WorkStoppedError(DemoError):
    """The jobs do not come to their end."""


class NotAccountedForError(DemoError):
    """A job is missing, doubled, or did not end as planned."""
