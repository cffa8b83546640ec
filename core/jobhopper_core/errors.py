"""Every error that Jobhopper raises on purpose, each with its stable code.

The HTTP API maps this tree to problems (RFC 9457) in one place; logs use the same codes.
A message names the field and the remedy.
"""


class JobhopperError(Exception):
    """The root of all errors raised on purpose."""

    code = "internal"


class ConfigurationError(JobhopperError):
    """A setting is missing or wrong; the process does not start."""

    code = "configuration"


class SchemaMismatchError(ConfigurationError):
    """The database's schema is older or newer than this release reads."""

    code = "schema_mismatch"


class InvalidFieldError(JobhopperError):
    """A value that a caller sent is outside its limits.

    `field` is a JSON pointer into the body (`/jobs/3/priority`), or a parameter's name.
    """

    code = "invalid"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class LeaseInvalidError(InvalidFieldError):
    """A lease token is forged, damaged, or was signed with a key that is not known here."""

    code = "lease_invalid"


class IdempotencyMismatchError(InvalidFieldError):
    """An Idempotency-Key came back with another body."""

    code = "idempotency_mismatch"


class TooManyQueuesError(InvalidFieldError):
    """The install holds as many queues as it may."""

    code = "too_many_queues"


class NotFoundError(JobhopperError):
    """What was named does not exist."""

    code = "not_found"


class ConflictError(JobhopperError):
    """The call can't be done in the state that its object is in."""

    code = "conflict"


class RunningError(ConflictError):
    """A running job can't be changed so; cancel it first or wait for its end."""

    code = "running"


class WrongStatusError(ConflictError):
    """The job's status does not allow this change."""

    code = "wrong_status"


class QueueNotEmptyError(ConflictError):
    """A queue that still holds jobs can't be deleted."""

    code = "queue_not_empty"


class UnknownOriginError(ConflictError):
    """A dead letter can't be sent back: it names no queue of this install."""

    code = "unknown_origin"


class LeaseLostError(ConflictError):
    """A worker's update does not count: its claim has ended. `code` says how.

    Codes: `lease_expired`, `cancelled`, `stale_claim`, `not_running`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnavailableError(JobhopperError):
    """A store can't be reached or is overloaded; nothing was done. Try again."""

    code = "unavailable"


class StoreFullError(UnavailableError):
    """A store answers, but has no room for what was sent."""

    code = "store_full"


class OutcomeUnknownError(UnavailableError):
    """It is not known whether the call took effect; repeating it is safe."""

    code = "outcome_unknown"


class StoreDataError(JobhopperError):
    """The database refused a value; the same write will fail again."""

    code = "data_error"
