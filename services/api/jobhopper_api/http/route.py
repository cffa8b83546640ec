"""The route of an operation."""

from starlette.routing import Match, Route
from starlette.types import Scope

from jobhopper_api.http.endpoint import endpoint
from jobhopper_api.operations import Operation
from jobhopper_api.services import Services


class OperationRoute(Route):
    """Leads to the operation's endpoint, and tells the layers around it where it led.

    FastAPI's own kind prepares dependencies for every request, of which there are none here.
    """

    def __init__(self, operation: Operation, services: Services) -> None:
        super().__init__(operation.path, endpoint(operation, services))
        self.method = operation.method
        # Starlette adds HEAD to GET.
        self.methods = {operation.method}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As every route's; metrics are by route."""
        match, child = super().matches(scope)
        if match is not Match.NONE:
            child["route"] = self
        return match, child
