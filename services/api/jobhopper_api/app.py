"""Builds the ASGI application of the API."""

import logging
from http import HTTPStatus

import msgspec
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp

from jobhopper_api.http.direct import Direct
from jobhopper_api.http.middleware import Outermost
from jobhopper_api.http.problems import (
    CONTENT_TYPE,
    RETRY_AFTER_SECONDS,
    RequestError,
    is_passing,
    problem_of,
    status_of,
)
from jobhopper_api.http.route import OperationRoute
from jobhopper_api.openapi import described
from jobhopper_api.operations import Operation
from jobhopper_api.routes import (
    claims,
    create,
    dead,
    jobs,
    keys,
    probes,
    queues,
    system,
    worker_updates,
)
from jobhopper_api.services import Services
from jobhopper_core.errors import JobhopperError

OPERATIONS: tuple[Operation, ...] = (
    *create.OPERATIONS,
    *claims.OPERATIONS,
    *worker_updates.OPERATIONS,
    *jobs.OPERATIONS,
    *queues.OPERATIONS,
    *dead.OPERATIONS,
    *keys.OPERATIONS,
    *system.OPERATIONS,
)

_CODES = {404: "unknown_route", 405: "method_not_allowed"}
_DETAILS = {
    404: "There is nothing at this path; /openapi.json lists what there is.",
    405: "This path does not take this method; /openapi.json lists those it takes.",
}
_log = logging.getLogger(__name__)


def build_app(services: Services) -> ASGIApp:
    """The application that serves `services`."""
    app = FastAPI(title="Jobhopper", version=services.facts.version, docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False
    routes = [OperationRoute(operation, services) for operation in OPERATIONS]
    # They are served before the framework is asked, which tells a wrong method from a wrong path.
    app.router.routes.extend([*routes, *probes.routes(services)])
    document = described(OPERATIONS, services.facts.version)
    app.openapi = lambda: document  # type: ignore[method-assign]
    app.add_exception_handler(JobhopperError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_fault)
    direct = Direct(app, routes, _answer_to)
    return Outermost(direct, services.metrics, loopback_only=services.facts.loopback_only)


async def _answer_to(request: Request, error: Exception) -> Response:
    if isinstance(error, JobhopperError):
        try:
            return await _on_error(request, error)
        except Exception as fault:  # noqa: BLE001 - an error that can't be told is a fault of ours
            error = fault
    return await _on_fault(request, error)


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, JobhopperError)  # noqa: S101 - registered for nothing else
    headers = {}
    if is_passing(error):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    status = status_of(error)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status == HTTPStatus.REQUEST_TIMEOUT or "expect" in request.headers:
        # Nobody knows whether the rest of the body is still to come.
        headers["Connection"] = "close"
    body = msgspec.json.encode(problem_of(error))
    return Response(body, status, headers, CONTENT_TYPE)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    status = error.status_code
    refusal = RequestError(
        status, _CODES.get(status, "bad_request"), _DETAILS.get(status, str(error.detail))
    )
    response = await _on_error(request, refusal)
    response.headers.update(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    return response


def _methods_at(request: Request) -> set[str]:
    # One path's methods are spread over several routes, and the error knows of the first alone.
    routes = [route for route in request.app.router.routes if isinstance(route, Route)]
    fitting = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in fitting for method in route.methods or ()}


async def _on_fault(request: Request, error: Exception) -> Response:
    # The traceback goes to the log; a caller learns no more than that it was our fault.
    _log.error("request_failed", extra={"route": request.url.path}, exc_info=error)
    refusal = RequestError(500, "internal", "Jobhopper failed at this; its log says why.")
    return await _on_error(request, refusal)
