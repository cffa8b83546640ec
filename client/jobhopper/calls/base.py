"""What every group of calls stands on."""

from jobhopper.transport import Transport


class Calls:
    """A group of calls to one server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
