"""The short way of an operation's request: to its endpoint and back.

The framework's way (routes tried in turn, exit stacks, a handler of errors in each of four layers)
costs processor time with every request (decision 10). It stays for all that is no operation: other
paths and methods, the document, the probes. What it did for errors is done here.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from jobhopper_api.http.route import OperationRoute

OnError = Callable[[Request, Exception], Awaitable[Response]]


class Direct:
    """Serves `routes`, and leaves the rest to `app`; `on_error` makes the answer to an error."""

    def __init__(self, app: ASGIApp, routes: Sequence[OperationRoute], on_error: OnError) -> None:
        self._app = app
        self._on_error = on_error
        self._fixed: dict[tuple[str, str], OperationRoute] = {}
        self._others: defaultdict[str, list[OperationRoute]] = defaultdict(list)
        for route in routes:
            if route.param_convertors:
                self._others[route.method].append(route)
            else:
                self._fixed[route.method, route.path] = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        route = self._find(scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response: Response = await route.endpoint(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, a caller waits for an answer
            response = await self._on_error(request, error)
            # One that came through a future holds, by its frames, itself and the request with its
            # body, until the collector finds that circle.
            error.__traceback__ = None
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> OperationRoute | None:
        """The route of a request; it stands in its scope from then on."""
        method = scope["method"]
        route = self._fixed.get((method, scope["path"]))
        if route is not None:
            scope.update(route=route, path_params={})
            return route
        for one in self._others.get(method, ()):
            match, found = one.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                return one
        return None
