"""Every limit of every field: at the limit taken, one beyond refused by name, never clamped."""

import json
from typing import Any, NamedTuple

import pytest

from .caller import Api, Reply
from .steps import claim_one, create, now, operate, read, running, seconds, update

KIB = 1024


class Bound(NamedTuple):
    """A field of a call with values that are just allowed, and that are just not."""

    call: str
    field: str
    allowed: list[Any]
    refused: list[Any]

    def __str__(self) -> str:
        return f"{self.call} {self.field}"


WHOLE = [1.5, 5.0, "5", True, None, [], {}]
NUMBER = ["5", True, None, [], {}]
TEXT = [7, True, None, [], {}]
FAR = [-(2**63), 2**63, 2**64, 10**30, -1, 1e300]

QUEUE_NAMES = Bound(
    "create",
    "queue",
    ["a", "Z", "0", "a.b_c:d-e", "q" * 128],
    ["", "q" * 129, ".a", "-a", "_a", ":a", "a b", "a/b", "a\n", "\na", "a\x00", "\u00e4", *TEXT],
)
NAMES = (
    ["a", " ", "a b", "t" * 128, "\u00e4", "\U0001f4a1" * 128, "\u00a0", "~", "\u2028"],
    [
        "",
        "t" * 129,
        "\U0001f4a1" * 129,
        "a\n",
        "\n",
        "\t",
        "a\x00b",
        "\x1f",
        "\x7f",
        "\x80",
        "\x9f",
    ],
)
TIMES = (
    [
        "1970-01-01T00:00:00Z",
        "1970-01-01T01:00:00+01:00",
        "2100-12-31T23:59:59.999999Z",
        "2026-11-24t06:00:00z",
        "2026-11-24 06:00:00Z",
        "2026-11-24T06:00:00.1Z",
        "2026-11-24T06:00:00.123456789+23:59",
        "2028-02-29T00:00:00-12:00",
    ],
    [
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00+00:01",
        "2101-01-01T00:00:00Z",
        "2026-11-24",
        "2026-11-24T06:00:00",
        "2026-11-24T06:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T06:60:00Z",
        "2026-11-24T06:00:60Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-24T06:00:00+24:00",
        "2026-11-24T06:00:00+01:60",
        "2026-11-24T06:00:00.Z",
        "2026-11-24T06:00:00.1234567890Z",
        "2026-11-24T06:00:00Z\n",
        " 2026-11-24T06:00:00Z",
        "20261124T060000Z",
        "1795500000",
        "now",
        "",
        "\u0662\u0660\u0662\u0666-11-24T06:00:00Z",
    ],
)
QUEUE_CHANGES = [
    Bound("queue", "paused", [True, False], [0, 1, "true", None]),
    Bound("queue", "lease", [1, 43_200], [0, 43_201, *FAR, *WHOLE]),
    Bound("queue", "max_attempts", [1, 100], [0, 101, *FAR, *WHOLE]),
    Bound(
        "queue",
        "silence_after",
        [3_600, 315_360_000, None],
        [0, 3_599, 315_360_001, *FAR, 1.5, "5", True],
    ),
    Bound("queue", "backoff", [{}], [[], 5, None, "fast"]),
    Bound("queue", "backoff/base", [0, 0.001, 86_400], [-0.001, 86_400.1, 1e400, *NUMBER]),
    Bound("queue", "backoff/factor", [1, 1.5, 100], [0.999, 100.1, 0, -1, *NUMBER]),
    Bound("queue", "backoff/max", [0, 2_592_000], [-1, 2_592_000.1, *NUMBER]),
    Bound("queue", "backoff/jitter", [0, 0.5, 1], [-0.1, 1.1, *NUMBER]),
]
BOUNDS = [
    QUEUE_NAMES,
    Bound("create", "type", NAMES[0], [*NAMES[1], *TEXT]),
    Bound("create", "payload", ["x" * (256 * KIB - 2)], ["x" * (256 * KIB - 1)]),
    Bound("create", "priority", [0, 9], [-1, 10, *FAR, *WHOLE]),
    Bound("create", "max_attempts", [1, 100], [0, 101, *FAR, *WHOLE]),
    Bound("create", "run_at", [*TIMES[0], None], [*TIMES[1], 0, 1.5, True, [], {}]),
    Bound("claim", "max", [1, 1_000], [0, 1_001, *FAR, *WHOLE]),
    Bound("claim", "lease", [1, 43_200], [0, 43_201, *FAR, *WHOLE]),
    Bound("claim", "wait", [0, 0.01], [-0.001, 60.001, 61, *FAR, 1e400, *NUMBER]),
    Bound("claim", "worker", [*NAMES[0], None], [*NAMES[1], 7, True, [], {}]),
    Bound("succeed", "result", ["x" * (256 * KIB - 2)], ["x" * (256 * KIB - 1)]),
    Bound("succeed", "progress", ["x" * (4 * KIB - 2)], ["x" * (4 * KIB - 1)]),
    Bound("fail", "error", ["x" * (16 * KIB - 2)], ["x" * (16 * KIB - 1)]),
    Bound("fail", "retry_in", [0, 0.5, 2_592_000], [-1, -0.001, 2_592_000.1, 1e400, *NUMBER]),
    Bound("fail", "retry", [True, False], [0, 1, "false", None]),
    Bound("extend", "extend", [1, 43_200], [0, 43_201, *FAR, *WHOLE]),
    Bound("extend", "progress", ["x" * (4 * KIB - 2)], ["x" * (4 * KIB - 1)]),
    Bound("operate", "priority", [0, 9], [-1, 10, *FAR, *WHOLE]),
    Bound("operate", "run_at", TIMES[0], [*TIMES[1], *TEXT]),
    Bound("operate", "silenced", [True, False], [0, 1, "true", None]),
    Bound("key", "name", NAMES[0], [*NAMES[1], *TEXT]),
    *QUEUE_CHANGES,
]


def send(api: Api, call: str, queue: str, field: str, value: Any) -> tuple[Reply, int]:
    """Makes a call that is right but for `field`; and the status of its success."""
    fields = nested(field, value)
    match call:
        case "create":
            return api.post("/v1/jobs", raw({"queue": queue, "type": "t"} | fields)), 201
        case "claim":
            return api.post("/v1/claims", raw({"queues": [queue]} | fields)), 200
        case "queue":
            return api.patch(f"/v1/queues/{queue}", raw(fields)), 200
        case "key":
            return api.post("/v1/keys", raw({"name": "k", "scopes": {"read": ["*"]}} | fields)), 201
        case "operate":
            return api.patch(f"/v1/jobs/{create(api, queue)}", raw(fields)), 200
    job = claim_one(api, queue) if api.get(f"/v1/queues/{queue}/top").json["jobs"] else None
    job = job or running(api, queue)
    status = {"succeed": {"status": "succeeded"}, "fail": {"status": "failed"}}.get(call, {})
    body = {"lease": job["lease"]["token"]} | status | fields
    reply = api.patch(f"/v1/jobs/{job['id']}", raw(body))
    if reply.status != 200:
        update(api, job, status="queued")
    return reply, 200


def nested(field: str, value: Any) -> dict[str, Any]:
    outer, _, inner = field.partition("/")
    return {outer: {inner: value}} if inner else {outer: value}


def raw(body: dict[str, Any]) -> bytes:
    return json.dumps(body).replace("Infinity", "1e400").encode()


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_what_is_allowed_is_taken(api: Api, queue: str, bound: Bound) -> None:
    for value in bound.allowed:
        reply, success = send(api, bound.call, queue, bound.field, value)
        assert reply.status == success, (value, reply)


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_what_is_beyond_is_refused_by_name(api: Api, queue: str, bound: Bound) -> None:
    for value in bound.refused:
        reply, _ = send(api, bound.call, queue, bound.field, value)
        assert (reply.status, reply.code) == (422, "invalid"), (value, reply)
        assert reply.fields == [f"/{bound.field}"], (value, reply)
        (error,) = reply.json["errors"]
        assert error["message"].endswith("."), value


def test_a_value_at_its_limit_is_kept_as_it_is(api: Api, queue: str) -> None:
    for priority, attempts in ((0, 1), (9, 100)):
        job = read(api, create(api, queue, priority=priority, max_attempts=attempts))
        assert (job["priority"], job["max_attempts"]) == (priority, attempts)
    id_ = create(api, queue)
    for sent, kept in (
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
        ("2100-12-31T23:59:59.999999Z", "2100-12-31T23:59:59.999000Z"),
        ("2026-11-24T06:00:00.123456789+23:59", "2026-11-23T06:01:00.123000Z"),
    ):
        assert operate(api, id_, run_at=sent).json["run_at"] == kept


@pytest.mark.parametrize("lease", [1, 43_200])
def test_a_lease_at_its_limit_lasts_so_long(api: Api, queue: str, lease: int) -> None:
    job = running(api, queue, lease=lease)
    assert lease - 1 < seconds(job["lease"]["expires_at"]) - now() <= lease
    until = update(api, job, extend=43_200).json["lease"]["expires_at"]
    assert 43_199 < seconds(until) - now() <= 43_200


def test_the_longest_wait_is_granted(api: Api, queue: str) -> None:
    create(api, queue)
    assert api.post("/v1/claims", {"queues": [queue], "wait": 60}).status == 200
    id_ = create(api, queue)
    operate(api, id_, status="cancelled")
    for timeout in ("0", "60", "60.0", "0.5"):
        assert api.get(f"/v1/jobs/{id_}?wait=finished&timeout={timeout}").status == 200


def test_size_is_counted_in_bytes_as_they_came(api: Api, queue: str) -> None:
    for text, status in (
        ('"' + "\u00e4" * (128 * KIB - 1) + '"', 201),
        ('"' + "\u00e4" * (128 * KIB) + '"', 422),
        ("[" + " " * (256 * KIB - 2) + "]", 201),
        ("[" + " " * (256 * KIB - 1) + "]", 422),
        ('"' + "\\u00e4" * 43_690 + '"', 201),
        ('"' + "\\u00e4" * 43_691 + '"', 422),
    ):
        data = f'{{"queue":"{queue}","type":"t","payload":{text}}}'.encode()
        assert api.post("/v1/jobs", data).status == status, (len(text), status)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/jobs", {}, "/queue"),
        ("/v1/jobs", {"queue": "unused"}, "/type"),
        ("/v1/jobs", {"type": "t"}, "/queue"),
        ("/v1/jobs", {"queue": "unused", "type": "t", "lease": 5}, "/lease"),
        ("/v1/jobs", {"queue": "unused", "type": "t", "id": "x"}, "/id"),
        ("/v1/jobs", {"jobs": [{"queue": "unused"}]}, "/jobs/0/type"),
        (
            "/v1/jobs",
            {"jobs": [{"queue": "unused", "type": "t", "Priority": 1}]},
            "/jobs/0/Priority",
        ),
        ("/v1/claims", {"queue": "unused"}, "/queues"),
        ("/v1/claims", {"queues": ["unused"], "limit": 5}, "/limit"),
        ("/v1/keys", {"scopes": {"read": ["*"]}}, "/name"),
    ],
)
def test_fields_that_are_missing_or_unknown_are_named(
    api: Api, path: str, body: dict[str, Any], field: str
) -> None:
    reply = api.post(path, body)
    named = reply.fields[0] == field or {reply.fields[0], field} <= {"/queue", "/queues"}
    assert (reply.status, named) == (422, True), reply


@pytest.mark.parametrize(
    "change",
    [
        {"name": "q"},
        {"paused": True, "Lease": 5},
        {"backoff": {"bases": 1}},
        {"depth": {}},
    ],
)
def test_unknown_settings_of_a_queue_are_named(
    api: Api, queue: str, change: dict[str, Any]
) -> None:
    reply = api.patch(f"/v1/queues/{queue}", change)
    wanted = {"/name", "/Lease", "/backoff/bases", "/depth"}
    assert (reply.status, set(reply.fields) <= wanted) == (422, True)
    assert api.get(f"/v1/queues/{queue}").status == 404
