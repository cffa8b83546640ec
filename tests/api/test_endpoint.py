"""The parts of a request each have their time, and a caller is told which was too long."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.requests import Request
from starlette.types import Message

from jobhopper_api.http import endpoint as module
from jobhopper_api.http.endpoint import endpoint
from jobhopper_api.http.identity import ANONYMOUS
from jobhopper_api.http.problems import RequestError
from jobhopper_api.operations import Answer, Call, Operation
from jobhopper_api.services import Services
from jobhopper_core.errors import OutcomeUnknownError, UnavailableError
from jobhopper_core.model.access import ApiKey

# Seconds. Each part alone stays below the deadline, together they are beyond it.
DEADLINE, PART = 0.3, 0.2


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE_SECONDS", DEADLINE)


async def _swallow(seconds: float) -> None:
    """Sleeps through its cancellation, as `wait_for` may before Python 3.12."""
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return


def _serve(
    identify: float = 0.0,
    body: float = 0.0,
    handler: float = 0.0,
    method: str = "POST",
    patience: float = 0.0,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> int:
    async def known(_request: Request) -> ApiKey:
        await sleep(identify)
        return ANONYMOUS

    async def receive() -> Message:
        await sleep(body)
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def handle(_call: Call[Any, Any]) -> Answer:
        await sleep(handler)
        return Answer(204, None)

    operation = Operation(
        method,
        "/",
        handle,
        "",
        {204: None},
        "read",
        body=(dict,),
        reader=lambda data: data,
        patience=lambda _body, _query: patience,
    )
    services = cast("Services", SimpleNamespace(gate=SimpleNamespace(identify=known)))
    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    request = Request(scope, receive)
    return asyncio.run(_status(endpoint(operation, services)(request)))


async def _status(answer: Awaitable[Any]) -> int:
    return int((await answer).status_code)


def test_each_part_has_its_own_time() -> None:
    assert _serve(identify=PART, body=PART, handler=PART) == 204


def test_patience_is_for_the_handler() -> None:
    assert _serve(handler=2 * DEADLINE, patience=10.0) == 204


def test_a_caller_that_is_not_known_in_time_is_told_so() -> None:
    with pytest.raises(UnavailableError):
        _serve(identify=10, patience=20)


def test_a_body_that_is_late_is_408() -> None:
    with pytest.raises(RequestError) as caught:
        _serve(body=10, patience=20)
    assert caught.value.status == 408


def test_of_a_change_that_is_late_the_outcome_is_unknown() -> None:
    with pytest.raises(OutcomeUnknownError):
        _serve(handler=10)


def test_a_read_that_is_late_changed_nothing() -> None:
    with pytest.raises(UnavailableError) as caught:
        _serve(handler=10, method="GET")
    assert not isinstance(caught.value, OutcomeUnknownError)


def test_a_part_that_slept_through_its_end_was_late_all_the_same() -> None:
    with pytest.raises(UnavailableError):
        _serve(identify=10, sleep=_swallow)
    with pytest.raises(RequestError):
        _serve(body=10, sleep=_swallow)
