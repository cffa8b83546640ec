"""Makes an ASGI endpoint of an operation: identify, read, do within the deadline, answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from jobhopper_api.http.body import read_body
from jobhopper_api.http.problems import RequestError
from jobhopper_api.operations import DEADLINE_SECONDS, Answer, Call, Operation
from jobhopper_api.services import Services
from jobhopper_api.wire import decode
from jobhopper_core.errors import OutcomeUnknownError, UnavailableError
from jobhopper_core.model.access import ApiKey

T = TypeVar("T")
JSON = "application/json"
_encode = msgspec.json.Encoder().encode


def endpoint(operation: Operation, services: Services) -> Callable[[Request], Awaitable[Response]]:
    """The function that the router calls for `operation`."""

    async def serve(request: Request) -> Response:
        caller = await _within(services.gate.identify(request), _slow)
        call = await _read(operation, services, request, caller)
        patience = operation.patience(call.body, call.query)
        answer = await _within(operation.handler(call), _unknown(request.method), patience)
        return _response(answer)

    return serve


async def _read(
    operation: Operation, services: Services, request: Request, caller: ApiKey
) -> Call[object, object]:
    query = decode.query(request.scope["query_string"], operation.query)
    body = None
    if operation.read is not None:
        body = operation.read(await _within(read_body(request), _late_body))
    return Call(services, request, caller, request.path_params, body, query)


async def _within(work: Awaitable[T], late: Callable[[], Exception], patience: float = 0.0) -> T:
    try:
        async with asyncio.timeout(DEADLINE_SECONDS + patience):
            return await work
    except TimeoutError:
        raise late() from None


def _response(answer: Answer) -> Response:
    body = _encode(answer.body) if answer.body is not None else b""
    return Response(body, answer.status, dict(answer.headers), JSON if body else None)


def _slow() -> Exception:
    return UnavailableError("The database did not answer in time; try again.")


def _late_body() -> Exception:
    return RequestError(
        408, "request_timeout", f"The body did not arrive within {DEADLINE_SECONDS} s."
    )


def _unknown(method: str) -> Callable[[], Exception]:
    if method == "GET":
        return _slow
    return lambda: OutcomeUnknownError(
        "The call was not done in time and may yet take effect; "
        "repeat it (creates with the same Idempotency-Key)."
    )
