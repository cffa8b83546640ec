"""The short way to an operation's endpoint: what it serves, what it leaves, and how it fails."""

import asyncio
import gc
import json
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from jobhopper_api.http.direct import Direct
from jobhopper_api.http.route import OperationRoute

Endpoint = Callable[[Request], Awaitable[Response]]


class Route(OperationRoute):
    """An operation's route with an endpoint of the test's own."""

    def __init__(self, method: str, path: str, endpoint: Endpoint) -> None:
        super(OperationRoute, self).__init__(path, endpoint)
        self.method = method
        self.methods = {method}


async def framework(_scope: Scope, _receive: Receive, send: Send) -> None:
    await Response("framework", 404)({"type": "http"}, _receive, send)


async def on_error(_request: Request, error: Exception) -> Response:
    return Response(repr(error), 500)


async def served(request: Request) -> Response:
    return Response(json.dumps({"at": request.url.path, **request.path_params}))


async def failing(_request: Request) -> Response:
    raise LookupError("broken")


class Body:
    """Stands for a request's body, in a frame that an error passes."""


BODIES: list["weakref.ref[Body]"] = []


async def failing_by_a_future(_request: Request) -> Response:
    body = Body()
    BODIES.append(weakref.ref(body))
    answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    answer.set_exception(LookupError("away"))
    return await answer


async def cancelled(_request: Request) -> Response:
    raise asyncio.CancelledError


DIRECT = Direct(
    framework,
    [
        Route("GET", "/v1/jobs/{job_id}", served),
        Route("POST", "/v1/jobs", served),
        Route("GET", "/v1/jobs/top", served),
        Route("POST", "/v1/faults", failing),
        Route("POST", "/v1/futures", failing_by_a_future),
        Route("POST", "/v1/ends", cancelled),
    ],
    on_error,
)


def call(method: str, path: str) -> tuple[int, str, Scope]:
    sent: list[Message] = []
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [],
        "query_string": b"",
        "server": ("localhost", 80),
    }

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    asyncio.run(DIRECT(scope, receive, send))
    return sent[0]["status"], sent[1]["body"].decode(), scope


def test_a_path_leads_to_its_operation_and_its_route_is_told() -> None:
    status, body, scope = call("POST", "/v1/jobs")
    assert (status, json.loads(body)) == (200, {"at": "/v1/jobs"})
    assert scope["route"].path == "/v1/jobs"


def test_a_path_with_a_parameter_brings_it() -> None:
    status, body, scope = call("GET", "/v1/jobs/7")
    assert (status, json.loads(body)) == (200, {"at": "/v1/jobs/7", "job_id": "7"})
    assert scope["route"].path == "/v1/jobs/{job_id}"


def test_a_fixed_path_goes_before_one_with_a_parameter() -> None:
    assert call("GET", "/v1/jobs/top")[2]["route"].path == "/v1/jobs/top"


@pytest.mark.parametrize(
    ("method", "path"),
    [("PATCH", "/v1/jobs"), ("HEAD", "/v1/jobs/7"), ("GET", "/v1/none"), ("POST", "/v1/jobs/")],
)
def test_what_is_no_operation_is_left_to_the_framework(method: str, path: str) -> None:
    status, body, scope = call(method, path)
    assert (status, body) == (404, "framework")
    assert "route" not in scope


def test_whatever_fails_is_answered() -> None:
    assert call("POST", "/v1/faults")[:2] == (500, "LookupError('broken')")


def test_an_error_that_was_answered_holds_no_body() -> None:
    gc.disable()
    try:
        assert call("POST", "/v1/futures")[0] == 500
        assert BODIES.pop()() is None
    finally:
        gc.enable()


def test_an_end_from_outside_is_no_fault() -> None:
    with pytest.raises(asyncio.CancelledError):
        call("POST", "/v1/ends")
