"""Makes an ASGI endpoint of an operation: identify, read, do within the deadline, answer."""

import asyncio
from collections.abc import Awaitable, Callable

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

JSON = "application/json"
_encode = msgspec.json.Encoder().encode


def endpoint(operation: Operation, services: Services) -> Callable[[Request], Awaitable[Response]]:
    """The function that a request for `operation` is given to."""
    unknown = _slow if operation.method == "GET" else _unknown

    async def serve(request: Request) -> Response:
        late = _slow
        try:
            # One timer for all three parts: each has its own time, and none its own machinery.
            async with asyncio.timeout(DEADLINE_SECONDS) as timer:
                caller = await services.gate.identify(request)
                _restart(timer)
                late = _late_body
                call = await _read(operation, services, request, caller)
                _restart(timer, operation.patience(call.body, call.query))
                late = unknown
                return _response(await operation.handler(call))
        except TimeoutError:
            raise late() from None

    return serve


def _restart(timer: asyncio.Timeout, patience: float = 0.0) -> None:
    if timer.expired():
        # Before Python 3.12 `wait_for` swallows a cancellation that comes as its work ends.
        raise TimeoutError
    timer.reschedule(asyncio.get_running_loop().time() + DEADLINE_SECONDS + patience)


async def _read(
    operation: Operation, services: Services, request: Request, caller: ApiKey
) -> Call[object, object]:
    query = decode.query(request.scope["query_string"], operation.query)
    body = operation.read(await read_body(request)) if operation.read is not None else None
    return Call(services, request, caller, request.path_params, body, query)


def _response(answer: Answer) -> Response:
    body = _encode(answer.body) if answer.body is not None else b""
    return Response(body, answer.status, dict(answer.headers), JSON if body else None)


def _slow() -> Exception:
    return UnavailableError("The database did not answer in time; try again.")


def _late_body() -> Exception:
    return RequestError(
        408, "request_timeout", f"The body did not arrive within {DEADLINE_SECONDS} s."
    )


def _unknown() -> Exception:
    return OutcomeUnknownError(
        "The call was not done in time and may yet take effect; "
        "repeat it (creates with the same Idempotency-Key)."
    )
