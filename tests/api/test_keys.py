"""API keys: who may do what, in which queues, and what is told to whom may not."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .caller import Api, exchange, head, parsed
from .conftest import ADMIN_KEY, Start
from .server import Server
from .steps import NO_JOB, claim_one, create

SCOPES = ("produce", "work", "read", "manage", "admin")
QUEUE = "keys.mine"
Call = tuple[str, str, Any]
MakeKey = Callable[..., Api]


@pytest.fixture
def key(admin: Api, locked: Server) -> MakeKey:
    """Makes a key with scopes and a caller that uses it."""

    def make(**scopes: list[str]) -> Api:
        reply = admin.post("/v1/keys", {"name": "test", "scopes": scopes})
        assert reply.status == 201, reply
        return locked.api(reply.json["key"])

    return make


@pytest.fixture(scope="module")
def job(locked: Server) -> str:
    """A job in the queue that the calls are about."""
    return create(locked.api(ADMIN_KEY), QUEUE)


def calls(job: str) -> dict[str, tuple[Call, set[str]]]:
    """Every call of the API, and the scopes that allow it. None of them changes the job."""
    lease = {"lease": "jl1.a.b.c", "status": "succeeded"}
    return {
        "create": (("POST", "/v1/jobs", {"queue": QUEUE, "type": "t"}), {"produce"}),
        "create many": (
            ("POST", "/v1/jobs", {"jobs": [{"queue": QUEUE, "type": "t"}]}),
            {"produce"},
        ),
        "claim": (("POST", "/v1/claims", {"queues": [f"{QUEUE}.empty"]}), {"work"}),
        "read job": (("GET", f"/v1/jobs/{job}", None), {"read", "produce"}),
        "wait for job": (
            ("GET", f"/v1/jobs/{job}?wait=finished&timeout=0", None),
            {"read", "produce"},
        ),
        "list jobs": (("GET", "/v1/jobs", None), {"read"}),
        "list a queue": (("GET", f"/v1/jobs?queue={QUEUE}", None), {"read"}),
        "change job": (("PATCH", f"/v1/jobs/{job}", {"priority": 5}), {"manage"}),
        "erase job": (("DELETE", f"/v1/jobs/{job}", None), {"manage"}),
        "list queues": (("GET", "/v1/queues", None), {"read"}),
        "read queue": (("GET", f"/v1/queues/{QUEUE}", None), {"read"}),
        "top": (("GET", f"/v1/queues/{QUEUE}/top", None), {"read"}),
        "change queue": (("PATCH", f"/v1/queues/{QUEUE}", {"lease": 60}), {"manage"}),
        "delete queue": (("DELETE", f"/v1/queues/{QUEUE}", None), {"manage"}),
        "system": (("GET", "/v1/system", None), {"read"}),
        "list dead": (("GET", "/v1/dead", None), {"read"}),
        "resend dead": (("POST", "/v1/dead/unknown/resend", None), {"manage"}),
        "drop dead": (("DELETE", "/v1/dead/unknown", None), {"manage"}),
        "list keys": (("GET", "/v1/keys", None), set()),
        "read key": (("GET", "/v1/keys/unknown", None), set()),
        "make key": (
            ("POST", "/v1/keys", {"name": "k", "scopes": {"read": ["*"]}}),
            set(),
        ),
        "delete key": (("DELETE", "/v1/keys/unknown", None), set()),
        "update": (("PATCH", f"/v1/jobs/{job}", lease), set(SCOPES)),
    }


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_allows_its_calls_and_no_other(key: MakeKey, job: str, scope: str) -> None:
    caller = key(**{scope: ["*"]})
    for name, ((method, path, body), allowed) in calls(job).items():
        reply = caller.call(method, path, body)
        if scope in allowed | {"admin"}:
            assert reply.status not in {401, 403}, (name, reply)
        else:
            assert (reply.status, reply.code) == (403, "forbidden"), (name, reply)


def test_a_workers_update_needs_the_scope_on_the_jobs_queue(key: MakeKey, queue: str) -> None:
    create(key(produce=["*"]), queue)
    job = claim_one(key(work=[queue]), queue)
    said = {"lease": job["lease"]["token"], "status": "succeeded"}
    for other in (key(read=["*"], manage=["*"], produce=["*"]), key(work=[f"{queue}.*"])):
        reply = other.patch(f"/v1/jobs/{job['id']}", said)
        assert (reply.status, reply.code) == (403, "forbidden")
        (one,) = other.post("/v1/updates", {"updates": [{"id": job["id"], **said}]}).json["updates"]
        assert (one["status"], one["code"]) == (403, "forbidden")
    assert key(work=["*"]).patch(f"/v1/jobs/{job['id']}", said).status == 200


@pytest.mark.parametrize(
    ("pattern", "fits", "others"),
    [
        ("*", ["mail", "a.b:c-d"], []),
        ("mail", ["mail"], ["mail2", "xmail", "Mail", "mail.eu"]),
        ("mail.*", ["mail.eu", "mail.eu.de"], ["mail", "mailx", "xmail.eu"]),
        ("*.eu", ["mail.eu", "a.b.eu"], ["eu", "mail.eux"]),
        ("m*l", ["ml", "mail", "m.l"], ["mails"]),
        ("m.il", ["m.il"], ["mail"]),
    ],
)
def test_a_pattern_decides_on_the_queues(
    key: MakeKey, pattern: str, fits: list[str], others: list[str]
) -> None:
    caller = key(produce=[pattern], read=[pattern])
    for queue in fits:
        assert caller.post("/v1/jobs", {"queue": queue, "type": "t"}).status == 201, queue
        assert caller.get(f"/v1/queues/{queue}/top").status == 200, queue
    for queue in others:
        assert caller.post("/v1/jobs", {"queue": queue, "type": "t"}).status == 403, queue
        assert caller.get(f"/v1/queues/{queue}/top").status == 403, queue


def test_one_queue_out_of_reach_refuses_the_whole_call(key: MakeKey, admin: Api) -> None:
    caller = key(produce=["mine"], work=["mine"])
    jobs = [{"queue": "mine", "type": "t"}, {"queue": "yours", "type": "t"}]
    assert caller.post("/v1/jobs", {"jobs": jobs}).status == 403
    assert caller.post("/v1/claims", {"queues": ["mine", "yours"]}).status == 403
    assert admin.get("/v1/jobs?queue=mine").json["jobs"] == []


def test_a_list_of_all_jobs_needs_all_queues(key: MakeKey) -> None:
    caller = key(read=["keys.*"])
    assert caller.get("/v1/jobs").status == 403
    assert caller.get("/v1/system").status == 403
    assert caller.get(f"/v1/jobs?queue={QUEUE}").status == 200


def test_the_list_of_queues_shows_those_within_reach(key: MakeKey, admin: Api, queue: str) -> None:
    for name in ("a", "b"):
        create(admin, f"{queue}.{name}")
    seen = key(read=[f"{queue}.*"]).get("/v1/queues?limit=500").json["queues"]
    assert [one["name"] for one in seen] == [f"{queue}.a", f"{queue}.b"]


def test_a_job_out_of_reach_is_403(key: MakeKey, job: str) -> None:
    for caller in (key(read=["other"]), key(produce=["other"]), key(manage=["other"])):
        assert caller.get(f"/v1/jobs/{job}").status == 403
        assert caller.patch(f"/v1/jobs/{job}", {"priority": 1}).status == 403
        assert caller.delete(f"/v1/jobs/{job}").status == 403


def test_a_key_for_some_queues_is_told_that_a_job_is_not_there(key: MakeKey) -> None:
    caller = key(read=["a"], manage=["a"])
    assert caller.get(f"/v1/jobs/{NO_JOB}").status == 404
    assert caller.patch(f"/v1/jobs/{NO_JOB}", {"priority": 1}).status == 404


def test_an_admin_of_some_queues_makes_no_keys(key: MakeKey) -> None:
    caller = key(admin=["mail.*"])
    assert create(caller, "mail.eu")
    assert caller.get("/v1/keys").status == 403
    assert caller.post("/v1/keys", {"name": "k", "scopes": {"admin": ["*"]}}).status == 403


def test_a_key_is_shown_once(admin: Api) -> None:
    scopes = {"produce": ["mail.*", "sms"], "read": ["*"]}
    made = admin.post("/v1/keys", {"name": "web shop", "scopes": scopes})
    view = {k: v for k, v in made.json.items() if k != "key"}
    assert set(view) == {"id", "name", "scopes", "created_at"}
    assert (view["name"], view["scopes"]) == ("web shop", scopes)
    assert made.json["key"].startswith(f"jh_{view['id']}_")
    assert made.headers["location"] == f"/v1/keys/{view['id']}"
    assert admin.get(made.headers["location"]).json == view
    listed = admin.get("/v1/keys?limit=500")
    assert view in listed.json["keys"]
    assert made.json["key"].encode() not in listed.body


def test_keys_are_listed_a_page_at_a_time(admin: Api) -> None:
    made = {
        admin.post("/v1/keys", {"name": "k", "scopes": {"read": ["*"]}}).json["id"]
        for _ in range(5)
    }
    seen: list[str] = []
    path = "/v1/keys?limit=2"
    while path:
        page = admin.get(path).json
        seen += [one["id"] for one in page["keys"]]
        path = f"/v1/keys?limit=2&next={page['next']}" if page["next"] else ""
    assert len(seen) == len(set(seen))
    assert made <= set(seen)
    assert seen == sorted(seen)


def test_a_deleted_key_is_refused_at_once(key: MakeKey, admin: Api) -> None:
    caller = key(read=["*"])
    assert caller.get("/v1/system").status == 200
    newest = {one["id"] for one in admin.get("/v1/keys?limit=500").json["keys"]}
    for id_ in newest:
        admin.delete(f"/v1/keys/{id_}")
    reply = caller.get("/v1/system")
    assert (reply.status, reply.code) == (401, "unauthorized")
    assert reply.headers["www-authenticate"] == "Bearer"


def test_deleting_a_key_is_done_once(admin: Api) -> None:
    id_ = admin.post("/v1/keys", {"name": "k", "scopes": {"read": ["*"]}}).json["id"]
    assert admin.get(f"/v1/keys/{id_}").status == 200
    gone = admin.delete(f"/v1/keys/{id_}")
    assert (gone.status, gone.body) == (204, b"")
    assert admin.get(f"/v1/keys/{id_}").code == "not_found"
    assert admin.delete(f"/v1/keys/{id_}").code == "not_found"


def test_keys_outlive_a_restart(start: Start) -> None:
    settings = {"JOBHOPPER_ADMIN_KEY": ADMIN_KEY}
    server = start(settings=settings)
    body = {"name": "k", "scopes": {"read": ["*"]}}
    made = server.api(ADMIN_KEY).post("/v1/keys", body).json["key"]
    server.stop()
    assert start(settings=settings).api(made).get("/v1/system").status == 200


def test_the_admin_key_may_come_from_a_file(start: Start, tmp_path: Any) -> None:
    (tmp_path / "key").write_text(f"{ADMIN_KEY}\n")
    server = start(settings={"JOBHOPPER_ADMIN_KEY_FILE": str(tmp_path / "key")})
    assert server.api(ADMIN_KEY).get("/v1/keys").status == 200
    assert server.api().get("/v1/keys").status == 401


WRONG = [
    None,
    "",
    "Bearer",
    "Bearer ",
    "Bearer x",
    f"Bearer {ADMIN_KEY}x",
    f"Bearer {ADMIN_KEY[:-1]}",
    f"Bearer {ADMIN_KEY.upper()}",
    f"Bearer {ADMIN_KEY} {ADMIN_KEY}",
    f"Basic {ADMIN_KEY}",
    ADMIN_KEY,
    "Bearer jh_unknown_0123456789abcdef",
    "Bearer jh_admin0_0123456789abcdef",
    f"Bearer {'x' * 5_000}",
    "Bearer \u00e4",
]


@pytest.mark.parametrize("value", WRONG)
def test_without_a_right_key_every_call_is_401(locked: Server, job: str, value: str | None) -> None:
    headers = {} if value is None else {"Authorization": value}
    caller = locked.api()
    for name, ((method, path, body), _) in calls(job).items():
        reply = caller.call(method, path, body, headers)
        assert (reply.status, reply.code) == (401, "unauthorized"), name
        assert reply.headers["www-authenticate"] == "Bearer"
        assert ADMIN_KEY not in reply.text


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_is_written_in_any_case(locked: Server, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {ADMIN_KEY}"}
    assert locked.api().get("/v1/system", headers).status == 200


def test_two_keys_in_one_request_are_refused(locked: Server) -> None:
    lines = (f"Authorization: Bearer {ADMIN_KEY}", "Authorization: Bearer x", "Connection: close")
    assert parsed(exchange(locked.port, head("GET", "/v1/system", *lines))).status == 401


def test_probes_and_the_document_need_no_key(locked: Server) -> None:
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json"):
        assert locked.api().get(path).status == 200


def test_the_key_is_asked_for_before_anything_else_is_told(locked: Server) -> None:
    caller = locked.api()
    assert caller.post("/v1/jobs", {"colour": 1}).status == 401
    assert caller.post("/v1/jobs", b"{").status == 401
    assert caller.get("/v1/jobs/abc?colour=1").status == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "/name"),
        ({"name": "k"}, "/scopes"),
        ({"name": "", "scopes": {"read": ["*"]}}, "/name"),
        ({"name": "k\n", "scopes": {"read": ["*"]}}, "/name"),
        ({"name": "k" * 129, "scopes": {"read": ["*"]}}, "/name"),
        ({"name": "k", "scopes": {}}, "/scopes"),
        ({"name": "k", "scopes": []}, "/scopes"),
        ({"name": "k", "scopes": {"write": ["*"]}}, "/scopes/write"),
        ({"name": "k", "scopes": {"read": []}}, "/scopes/read"),
        ({"name": "k", "scopes": {"read": "*"}}, "/scopes/read"),
        ({"name": "k", "scopes": {"read": ["a b"]}}, "/scopes/read/0"),
        ({"name": "k", "scopes": {"read": ["a", "*\n"]}}, "/scopes/read/1"),
        ({"name": "k", "scopes": {"read": ["a"] * 101}}, "/scopes/read"),
        ({"name": "k", "scopes": {"read": ["*"]}, "key": "mine"}, "/key"),
    ],
)
def test_a_key_that_is_wrong_is_told_by_field(
    admin: Api, body: dict[str, object], field: str
) -> None:
    reply = admin.post("/v1/keys", body)
    assert (reply.status, reply.fields) == (422, [field])


@pytest.fixture(autouse=True, scope="module")
def _no_secret_in_the_log(locked: Server) -> Iterator[None]:
    yield
    assert ADMIN_KEY not in locked.log()
