"""Whatever JSON, or no JSON at all, is sent to any call: it is answered, and never with a fault."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .caller import Api
from .server import Server, serving
from .steps import NO_JOB, claim_one, create

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 1, 9, 10, 60, 2**31, 2**63, 2**64, 10**40, 1e-320, 1e308])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["", "mail", "succeeded", "queued", "\x00", "\U0001f4a1", "2026-11-24T06:00:00Z"]
    )
)
ANY = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
NAMES = {
    "create": ["queue", "type", "payload", "priority", "run_at", "max_attempts", "jobs"],
    "claim": ["queues", "max", "lease", "wait", "worker"],
    "update": ["lease", "status", "result", "error", "retry_in", "retry", "extend", "progress"],
    "operate": ["status", "silenced", "priority", "run_at"],
    "updates": ["updates"],
    "queue": ["paused", "lease", "max_attempts", "backoff", "silence_after"],
    "key": ["name", "scopes"],
}
WHERE = {
    "create": ("POST", "/v1/jobs"),
    "claim": ("POST", "/v1/claims"),
    "update": ("PATCH", "/v1/jobs/{id}"),
    "operate": ("PATCH", "/v1/jobs/{id}"),
    "updates": ("POST", "/v1/updates"),
    "queue": ("PATCH", "/v1/queues/random"),
    "key": ("POST", "/v1/keys"),
}
# Values that bring a request past the first checks, so that later ones are tried too.
RIGHT: dict[str, dict[str, Any]] = {
    "create": {"queue": "random", "type": "t"},
    "claim": {"queues": ["random"], "wait": 0},
    "update": {"extend": 60},
    "operate": {"priority": 3},
    "updates": {"updates": [{"id": NO_JOB, "lease": "jl1.a.b.c"}]},
    "queue": {"lease": 60},
    "key": {"name": "k", "scopes": {"read": ["random"]}},
}
_FEW = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
_MANY = settings(_FEW, max_examples=600)


def bodies(call: str) -> st.SearchStrategy[Any]:
    """Objects with the fields of a call, right and wrong values mixed, and anything else."""
    fields = st.dictionaries(st.sampled_from(NAMES[call]), ANY, max_size=4)
    mixed = st.builds(lambda right, wrong: right | wrong, st.just(RIGHT[call]), fields)
    nested = st.lists(mixed, max_size=3).map(lambda items: {"jobs": items, "updates": items})
    return (
        mixed
        | fields
        | ANY
        | nested.map(lambda body: {k: body[k] for k in body if k in NAMES[call]})
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of these tests' own: they make up many queues."""
    with serving(tmp_path_factory.mktemp("random")) as running:
        yield running


@pytest.fixture(scope="module")
def job(server: Server) -> dict[str, Any]:
    """A job in hand, so that updates and operators have something to change."""
    api = server.api()
    create(api, "random")
    held: dict[str, Any] = claim_one(api, "random", lease=43_200)
    return held


def send(server: Server, job: dict[str, Any], call: str, body: Any) -> None:
    if isinstance(body, dict):
        tame(body, job, call)
    method, path = WHERE[call]
    api = Api(server.port)
    try:
        # `call` itself holds every answer to its form, and to a status below 500.
        reply = api.call(method, path.format(id=job["id"]), body if body is not None else b"null")
        assert reply.status in {200, 201, 403, 404, 409, 422}, (body, reply)
    finally:
        api.close()


def tame(body: dict[str, Any], job: dict[str, Any], call: str) -> None:
    """Keeps a claim from waiting, and the job in hand: the tests want to go on."""
    wait, status = body.get("wait"), body.get("status")
    if call == "claim" and isinstance(wait, int | float) and wait > 0:
        body["wait"] = 0
    if call in {"update", "operate"}:
        body.pop("lease", None)
        body |= {"lease": job["lease"]["token"]} if call == "update" else {}
        if isinstance(status, str) and status in {"succeeded", "failed", "queued", "cancelled"}:
            del body["status"]


@pytest.mark.parametrize("call", WHERE)
def test_random_json_never_is_a_fault(server: Server, job: dict[str, Any], call: str) -> None:
    @_FEW
    @given(body=bodies(call))
    def check(body: Any) -> None:
        send(server, job, call, body)

    check()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("call", WHERE)
def test_much_random_json_never_is_a_fault(server: Server, job: dict[str, Any], call: str) -> None:
    @_MANY
    @given(body=bodies(call))
    def check(body: Any) -> None:
        send(server, job, call, body)

    check()


@_FEW
@given(
    data=st.binary(max_size=200)
    | st.builds(
        lambda body, at, byte: body[:at] + bytes([byte]) + body[at + 1 :],
        st.sampled_from([json.dumps(one).encode() for one in RIGHT.values()]),
        st.integers(0, 60),
        st.integers(0, 255),
    ),
    where=st.sampled_from(sorted(WHERE.values())),
    kind=st.sampled_from(["application/json", "application/json; charset=utf-8", "text/plain", ""]),
)
def test_random_bytes_never_are_a_fault(
    server: Server, data: bytes, where: tuple[str, str], kind: str
) -> None:
    api = Api(server.port)
    method, path = where
    try:
        reply = api.call(method, path.format(id=NO_JOB), data, {"Content-Type": kind})
        assert reply.status in {200, 201, 404, 415, 422}
    finally:
        api.close()


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@_FEW
@given(
    path=st.sampled_from(
        ["/v1/jobs", "/v1/queues", "/v1/keys", f"/v1/jobs/{NO_JOB}", "/v1/system"]
    ),
    names=st.lists(
        st.sampled_from(["queue", "status", "limit", "next", "timeout", "wait", "silenced"])
        | _TEXT,
        max_size=3,
    ),
    value=_TEXT | st.sampled_from(["0", "1", "finished", "null", "any", "%00", "AAAA"]),
)
def test_random_parameters_never_are_a_fault(
    server: Server, path: str, names: list[str], value: str
) -> None:
    api = Api(server.port)
    try:
        query = "&".join(f"{quote(name)}={quote(value)}" for name in names)
        assert api.get(f"{path}?{query}").status in {200, 404, 422}
        inner = quote(value, safe="") or "x"
        assert api.get(f"/v1/queues/{inner}").status in {200, 404, 422}
        assert api.get(f"/v1/jobs/{inner}").status in {404, 422}
        assert api.get(f"/v1/keys/{inner}").status in {200, 404}
    finally:
        api.close()
