"""Paths and methods: what there is, and what is told where there is nothing."""

from typing import Any

import pytest

from .caller import Api, exchange, head, parsed
from .server import Server
from .steps import NO_JOB

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "PURGE"]
TAKEN = {
    "/v1/jobs": {"GET", "POST"},
    f"/v1/jobs/{NO_JOB}": {"GET", "PATCH", "DELETE"},
    "/v1/claims": {"POST"},
    "/v1/updates": {"POST"},
    "/v1/queues": {"GET"},
    "/v1/queues/unused": {"GET", "PATCH", "DELETE"},
    "/v1/queues/unused/top": {"GET"},
    "/v1/dead": {"GET"},
    "/v1/dead/unknown": {"DELETE"},
    "/v1/dead/unknown/resend": {"POST"},
    "/v1/keys": {"GET", "POST"},
    "/v1/keys/unknown": {"GET", "DELETE"},
    "/v1/system": {"GET"},
    "/v1/system/audit": {"GET"},
    "/openapi.json": {"GET", "HEAD"},
    "/livez": {"GET", "HEAD"},
    "/readyz": {"GET", "HEAD"},
    "/metrics": {"GET", "HEAD"},
}


@pytest.mark.parametrize("path", TAKEN)
def test_a_method_that_a_path_does_not_take_is_405_with_those_it_takes(
    server: Server, path: str
) -> None:
    for method in sorted(set(METHODS) - TAKEN[path]):
        reply = parsed(exchange(server.port, head(method, path, "Connection: close")), check=False)
        assert reply.status == 405, (method, path)
        assert set(reply.headers["allow"].upper().split(", ")) == TAKEN[path], (method, path)
        assert reply.headers["content-type"] == "application/problem+json"
        if method != "HEAD":
            assert reply.code == "method_not_allowed"


def test_the_paths_and_methods_are_those_of_the_openapi_document(api: Api) -> None:
    document = api.get("/openapi.json").json["paths"]
    described = {path: {method.upper() for method in item} for path, item in document.items()}
    real = {
        path.replace(NO_JOB, "{id}").replace("unused", "{queue}").replace("unknown", "{id}"): taken
        for path, taken in TAKEN.items()
        if path.startswith("/v1")
    }
    assert described == real


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/jobs/",
        "/v1//jobs",
        "//v1/jobs",
        "/V1/jobs",
        "/v1/Jobs",
        "/v2/jobs",
        "/v1/jobs/a/b",
        f"/v1/jobs/{NO_JOB}/",
        "/v1/queues/",
        "/v1/queues/a/top/",
        "/v1/queues/a/bottom",
        "/v1/queues/a%2Fb",
        "/v1/keys/a%2Fb",
        "/v1/jobs/../system",
        "/v1/queues/../../etc/passwd",
        "/v1/jobs/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/..%2f..%2f..%2fetc/passwd",
        "/../../../../etc/passwd",
        "/docs",
        "/redoc",
        "/favicon.ico",
        "/.git/config",
        "/jobs.db",
    ],
)
def test_where_there_is_nothing_is_404(server: Server, api: Api, path: str) -> None:
    data = exchange(server.port, head("GET", path, "Connection: close"))
    reply = parsed(data)
    assert (reply.status, reply.code) == (404, "unknown_route")
    assert b"root:" not in data
    assert api.post(path.replace("..", "."), {}).status in {404, 405}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/jobs/abc", "id"),
        ("/v1/jobs/..", "id"),
        ("/v1/jobs/%2e%2e", "id"),
        ("/v1/jobs/%00", "id"),
        (f"/v1/jobs/{NO_JOB}%0a", "id"),
        (f"/v1/jobs/%20{NO_JOB}", "id"),
        (f"/v1/jobs/{NO_JOB[:-1]}", "id"),
        (f"/v1/jobs/{NO_JOB.replace('-', '')}", "id"),
        (f"/v1/jobs/{{{NO_JOB}}}", "id"),
        ("/v1/jobs/f81d4fae-7dec-41d0-a765-00a0c91e6bf6", "id"),
        ("/v1/queues/%00", "queue"),
        ("/v1/queues/a%0a", "queue"),
        ("/v1/queues/a%20b", "queue"),
        ("/v1/queues/.a", "queue"),
        ("/v1/queues/..", "queue"),
        ("/v1/queues/%C3%A4", "queue"),
        ("/v1/queues/%FF", "queue"),
        ("/v1/queues/a%25b", "queue"),
        (f"/v1/queues/{'q' * 129}", "queue"),
        ("/v1/queues/a%0a/top", "queue"),
    ],
)
def test_a_name_in_a_path_has_the_form_that_it_has_elsewhere(
    server: Server, path: str, field: str
) -> None:
    for method in {"GET", "DELETE"} & ({"GET"} if path.endswith("top") else {"GET", "DELETE"}):
        reply = parsed(exchange(server.port, head(method, path, "Connection: close")))
        assert (reply.status, reply.fields) == (422, [field]), method


def test_an_id_in_a_path_may_be_in_upper_case(api: Api) -> None:
    assert api.get(f"/v1/jobs/{NO_JOB.upper()}").status == 404


def test_a_name_of_128_characters_is_taken(api: Api, queue: str) -> None:
    reply = api.get(f"/v1/queues/{queue.ljust(128, 'x')}")
    assert (reply.status, reply.code) == (404, "not_found")


WRONG: list[tuple[str, str]] = [
    ("/v1/jobs?colour=red", "colour"),
    ("/v1/jobs?Queue=a", "Queue"),
    ("/v1/jobs?queue=a&queue=a", "queue"),
    ("/v1/jobs?limit=5&limit=6", "limit"),
    ("/v1/jobs?queue", "queue"),
    ("/v1/jobs?queue=", "queue"),
    ("/v1/jobs?queue=a%0a", "queue"),
    ("/v1/jobs?queue=a;status=failed", "queue"),
    ("/v1/jobs?status=done", "status"),
    ("/v1/jobs?status=", "status"),
    ("/v1/jobs?status=null", "status"),
    ("/v1/jobs?status=Failed", "status"),
    ("/v1/jobs?type=", "type"),
    ("/v1/jobs?type=a%00b", "type"),
    (f"/v1/jobs?type={'t' * 129}", "type"),
    ("/v1/jobs?created_after=yesterday", "created_after"),
    ("/v1/jobs?created_after=2026-11-24", "created_after"),
    ("/v1/jobs?created_after=2026-11-24T06:00:00", "created_after"),
    ("/v1/jobs?created_before=2101-01-01T00:00:00Z", "created_before"),
    ("/v1/jobs?created_before=null", "created_before"),
    ("/v1/jobs?silenced=yes", "silenced"),
    ("/v1/jobs?silenced=True", "silenced"),
    ("/v1/jobs?silenced=", "silenced"),
    ("/v1/jobs?error_contains=", "error_contains"),
    (f"/v1/jobs?error_contains={'e' * 257}", "error_contains"),
    ("/v1/jobs?limit=0", "limit"),
    ("/v1/jobs?limit=501", "limit"),
    ("/v1/jobs?limit=-1", "limit"),
    ("/v1/jobs?limit=many", "limit"),
    ("/v1/jobs?limit=%2B5", "limit"),
    ("/v1/jobs?limit=5%20", "limit"),
    ("/v1/jobs?limit=5.5", "limit"),
    ("/v1/jobs?limit=1_0", "limit"),
    ("/v1/jobs?limit=99999999999999999999", "limit"),
    ("/v1/jobs?limit=nan", "limit"),
    ("/v1/jobs?next=", "next"),
    ("/v1/jobs?next=!", "next"),
    ("/v1/jobs?next=abc", "next"),
    (f"/v1/jobs?next={'A' * 23}", "next"),
    (f"/v1/jobs?next={'A' * 257}", "next"),
    ("/v1/jobs?%ff=1", "query"),
    ("/v1/jobs?queue=%ff", "query"),
    ("/v1/jobs?error_contains=%ED%A0%80", "query"),
    ("/v1/jobs?" + "&".join(f"p{i}=1" for i in range(70)), "query"),
    (f"/v1/jobs/{NO_JOB}?wait=persisted", "wait"),
    (f"/v1/jobs/{NO_JOB}?wait=null", "wait"),
    (f"/v1/jobs/{NO_JOB}?wait=finished&timeout=-1", "timeout"),
    (f"/v1/jobs/{NO_JOB}?wait=finished&timeout=61", "timeout"),
    (f"/v1/jobs/{NO_JOB}?wait=finished&timeout=60.001", "timeout"),
    (f"/v1/jobs/{NO_JOB}?wait=finished&timeout=nan", "timeout"),
    (f"/v1/jobs/{NO_JOB}?wait=finished&timeout=inf", "timeout"),
    (f"/v1/jobs/{NO_JOB}?wait=finished&timeout=soon", "timeout"),
    (f"/v1/jobs/{NO_JOB}?queue=a", "queue"),
    ("/v1/queues?limit=501", "limit"),
    ("/v1/queues?next=%2F", "next"),
    ("/v1/queues?next=_____w", "next"),
    ("/v1/queues?queue=a", "queue"),
    ("/v1/queues/a?limit=1", "limit"),
    ("/v1/queues/a/top?n=0", "n"),
    ("/v1/queues/a/top?n=501", "n"),
    ("/v1/queues/a/top?limit=5", "limit"),
    ("/v1/dead?limit=0", "limit"),
    ("/v1/dead?limit=501", "limit"),
    ("/v1/dead?next=a", "next"),
    ("/v1/keys?limit=0", "limit"),
    ("/v1/keys?name=a", "name"),
    ("/v1/keys/a?limit=1", "limit"),
    ("/v1/system?verbose=1", "verbose"),
]


@pytest.mark.parametrize(("path", "field"), WRONG)
def test_a_parameter_that_is_wrong_is_named(api: Api, path: str, field: str) -> None:
    reply = api.get(path)
    assert (reply.status, reply.code, reply.fields) == (422, "invalid", [field])


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("POST", "/v1/jobs?wait=finished", "wait"),
        ("POST", "/v1/jobs?wait=null", "wait"),
        ("POST", "/v1/jobs?timeout=61", "timeout"),
        ("POST", "/v1/jobs?queue=a", "queue"),
        ("POST", "/v1/claims?wait=5", "wait"),
        ("POST", "/v1/updates?id=1", "id"),
        ("POST", "/v1/keys?name=a", "name"),
        ("PATCH", f"/v1/jobs/{NO_JOB}?status=cancelled", "status"),
        ("PATCH", "/v1/queues/unused?paused=true", "paused"),
        ("POST", "/v1/dead/unknown/resend?force=true", "force"),
        ("DELETE", "/v1/dead/unknown?force=true", "force"),
        ("DELETE", f"/v1/jobs/{NO_JOB}?force=true", "force"),
        ("DELETE", "/v1/queues/unused?force=true", "force"),
        ("DELETE", "/v1/keys/unknown?force=true", "force"),
    ],
)
def test_calls_that_change_something_refuse_unknown_parameters_too(
    api: Api, method: str, path: str, field: str
) -> None:
    body: dict[str, Any] | None = None if method == "DELETE" else {}
    reply = api.call(method, path, body)
    assert (reply.status, reply.code, reply.fields) == (422, "invalid", [field])


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs?limit=1",
        "/v1/jobs?limit=500",
        "/v1/jobs?queue=null&type=null&error_contains=null",
        f"/v1/jobs?queue={'q' * 128}&type={'t' * 128}&error_contains={'e' * 256}",
        "/v1/jobs?type=%F0%9F%92%A1&error_contains=%C3%A4%26%3D",
        "/v1/jobs?type=a+b",
        "/v1/jobs?created_after=1970-01-01T00:00:00Z&created_before=2100-12-31T23:59:59.999999Z",
        "/v1/jobs?created_after=2026-11-24T06:00:00%2B02:00",
        "/v1/jobs?silenced=any",
        "/v1/queues?limit=500",
        "/v1/queues/unused/top?n=500",
        "/v1/dead?limit=500",
        "/v1/keys?limit=500",
        "/v1/jobs?",
        "/v1/jobs?&&",
    ],
)
def test_parameters_at_their_limits_are_taken(api: Api, path: str) -> None:
    assert api.get(path).status == 200
