"""`GET /v1/jobs`: filters, and pages that show each job exactly once."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from .caller import Api
from .server import Server
from .steps import (
    claim_one,
    create,
    create_many,
    now,
    operate,
    read,
    running,
    text,
    update,
    uuid7,
)


def ids(api: Api, **parameters: Any) -> list[str]:
    """The ids of one page."""
    return [job["id"] for job in page(api, **parameters)["jobs"]]


def page(api: Api, **parameters: Any) -> Any:
    reply = api.get(f"/v1/jobs?{urlencode(parameters)}")
    assert (reply.status, list(reply.json)) == (200, ["jobs", "next"]), reply
    return reply.json


def walked(api: Api, between: Callable[[], object] = lambda: None, **parameters: Any) -> list[str]:
    """The ids of all pages; `between` is called after each."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        one = page(api, **parameters, **cursor)
        found += [job["id"] for job in one["jobs"]]
        between()
        if one["next"] is None:
            return found
        cursor = {"next": one["next"]}


def test_the_newest_come_first(api: Api, queue: str) -> None:
    made = [create(api, queue) for _ in range(5)]
    assert ids(api, queue=queue) == made[::-1]


def test_an_item_is_the_job_without_payload_result_and_attempts(api: Api, queue: str) -> None:
    job = running(api, queue, payload="p")
    update(api, job, status="failed", error="e", progress="half")
    (item,) = page(api, queue=queue)["jobs"]
    whole = read(api, job["id"])
    assert item == {k: v for k, v in whole.items() if k not in {"payload", "result", "attempts"}}


def test_an_empty_list_has_no_next(api: Api, queue: str) -> None:
    assert page(api, queue=queue) == {"jobs": [], "next": None}


STATUSES = ["scheduled", "queued", "running", "succeeded", "failed", "cancelled"]


def in_each_status(api: Api, queue: str) -> dict[str, str]:
    """A job in each status."""
    made = {}
    for status in STATUSES[2:]:
        job = running(api, queue)
        made[status] = job["id"]
        match status:
            case "succeeded":
                update(api, job, status="succeeded")
            case "failed":
                update(api, job, status="failed", error={"message": "no route"}, retry=False)
            case "cancelled":
                operate(api, job["id"], status="cancelled")
    made["queued"] = create(api, queue)
    made["scheduled"] = create(api, queue, run_at=text(4e9))
    return made


def test_the_status_narrows(api: Api, queue: str) -> None:
    made = in_each_status(api, queue)
    for status in STATUSES:
        assert ids(api, queue=queue, status=status) == [made[status]]
        assert made[status] in ids(api, status=status, limit=500)


def test_the_queue_narrows(api: Api, queue: str) -> None:
    one, other = create(api, f"{queue}.a"), create(api, f"{queue}.b")
    assert ids(api, queue=f"{queue}.a") == [one]
    assert {one, other} <= set(ids(api, limit=500))
    assert ids(api, queue=queue) == []


def test_the_type_narrows(api: Api, queue: str) -> None:
    made = {kind: create(api, queue, type=kind) for kind in ("a", "A", "a b", "\u00e4/&=", "a%")}
    for kind, id_ in made.items():
        assert ids(api, queue=queue, type=kind) == [id_]
    assert ids(api, queue=queue, type="none") == []


def test_the_time_of_creation_narrows(api: Api, queue: str) -> None:
    made = [create(api, queue) for _ in range(4)]
    times = [read(api, id_)["created_at"] for id_ in made]
    assert ids(api, queue=queue, created_after=times[1]) == [made[3], made[2]]
    assert ids(api, queue=queue, created_before=times[1]) == [made[0]]
    assert ids(api, queue=queue, created_after=times[0], created_before=times[3]) == [
        made[2],
        made[1],
    ]
    assert ids(api, queue=queue, created_after=times[3]) == []
    assert ids(api, queue=queue, created_after=text(now() + 60)) == []
    assert len(ids(api, queue=queue, created_before="2100-12-31T23:59:59Z")) == 4
    in_berlin = times[1].replace("Z", "+00:00")
    assert ids(api, queue=queue, created_before=in_berlin) == [made[0]]


def test_a_job_under_an_older_key_is_found_by_its_time_of_creation(api: Api, queue: str) -> None:
    """Its id is older than the job itself."""
    key, before = uuid7(now() - 80_000), now()
    body = {"queue": queue, "type": "t"}
    id_ = api.post("/v1/jobs", body, {"Idempotency-Key": key}).json["id"]
    assert ids(api, queue=queue, created_after=text(before - 1)) == [id_]
    assert ids(api, queue=queue, created_before=text(before - 1)) == []


def test_silenced_jobs_are_shown_when_asked_for(api: Api, queue: str) -> None:
    open_, hidden = create(api, queue), create(api, queue)
    operate(api, hidden, silenced=True)
    assert ids(api, queue=queue) == [open_]
    assert ids(api, queue=queue, silenced="false") == [open_]
    assert ids(api, queue=queue, silenced="true") == [hidden]
    assert ids(api, queue=queue, silenced="any") == [hidden, open_]


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("no route", True),
        ("No Route", False),
        ('"message"', True),
        ("to h\u00f6st", True),
        ("%", False),
        ("_", False),
        ("'", False),
        ("no route to nowhere", False),
    ],
)
def test_a_part_of_the_error_narrows(api: Api, queue: str, part: str, *, found: bool) -> None:
    job = running(api, queue)
    body = {"lease": job["lease"]["token"], "status": "failed", "error": "#"}
    raw = '{"message":"no route to h\u00f6st"}'.encode()
    api.patch(f"/v1/jobs/{job['id']}", json.dumps(body).encode().replace(b'"#"', raw))
    create(api, queue)
    assert ids(api, queue=queue, error_contains=part) == ([job["id"]] if found else [])


def test_filters_go_together(api: Api, queue: str) -> None:
    made = in_each_status(api, queue)
    failed = read(api, made["failed"])
    operate(api, made["failed"], silenced=True)
    all_ = {
        "queue": queue,
        "status": "failed",
        "type": "t",
        "created_after": text(now() - 60),
        "created_before": text(now() + 60),
        "silenced": "any",
        "error_contains": "no route",
    }
    assert ids(api, **all_) == [failed["id"]]
    for name, other in (
        ("queue", "unused"),
        ("status", "queued"),
        ("type", "u"),
        ("created_after", text(now() + 60)),
        ("created_before", text(now() - 60)),
        ("silenced", "false"),
        ("error_contains", "a route"),
    ):
        assert ids(api, **(all_ | {name: other})) == [], name


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 11, 50, 500])
def test_pages_show_each_job_once(api: Api, queue: str, limit: int) -> None:
    made = create_many(api, queue, 10)
    assert walked(api, queue=queue, limit=limit) == made[::-1]


def test_a_page_is_as_long_as_its_limit(api: Api, queue: str) -> None:
    create_many(api, queue, 501)
    assert [len(ids(api, queue=queue, limit=n)) for n in (1, 50, 500)] == [1, 50, 500]
    assert len(ids(api, queue=queue)) == 50


def test_a_filter_that_matches_little_walks_through(api: Api, queue: str) -> None:
    wanted = []
    for _ in range(3):
        create_many(api, queue, 900)
        wanted.append(create(api, queue, type="rare"))
    assert walked(api, queue=queue, type="rare", limit=2) == wanted[::-1]


@pytest.fixture
def inserting(server: Server, queue: str) -> Iterator[None]:
    """Creates jobs in the queue and beside it for the length of a test."""
    done = threading.Event()

    def insert() -> None:
        caller = server.api()
        while not done.is_set():
            create_many(caller, queue, 3)
            create_many(caller, f"{queue}.other", 3)

    thread = threading.Thread(target=insert)
    thread.start()
    yield
    done.set()
    thread.join()


@pytest.mark.usefixtures("inserting")
@pytest.mark.parametrize("narrow", [True, False])
def test_jobs_that_come_in_meanwhile_neither_shift_nor_repeat_any(
    api: Api, queue: str, *, narrow: bool
) -> None:
    made = create_many(api, queue, 150)
    parameters = {"queue": queue} if narrow else {"type": "t"}
    last = made[0]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while last not in found:
        one = page(api, **parameters, limit=7, **cursor)
        found += [job["id"] for job in one["jobs"]]
        cursor = {"next": one["next"]}
    assert len(found) == len(set(found))
    assert found == sorted(found, reverse=True)
    assert set(made) <= set(found)


def test_jobs_that_go_on_meanwhile_are_shown_once(api: Api, queue: str) -> None:
    made = create_many(api, queue, 40)
    found = walked(
        api,
        lambda: update(api, claim_one(api, queue), status="succeeded"),
        queue=queue,
        limit=5,
    )
    assert found == made[::-1]


def sealed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "a",
        "!",
        "AAAA",
        "=",
        sealed(bytes(15)),
        sealed(bytes(17)),
        "A" * 21,
        "A" * 23,
        "A" * 256,
        "A" * 257,
        "A" * 22 + "\n",
        "null",
        "../../etc/passwd",
        "' OR 1=1 --",
        "\u00e4",
    ],
)
def test_a_cursor_that_was_not_given_out_is_refused(api: Api, cursor: str) -> None:
    reply = api.get(f"/v1/jobs?{urlencode({'next': cursor})}")
    assert (reply.status, reply.fields) == (422, ["next"])


def test_a_cursor_goes_on_under_other_filters_too(api: Api, queue: str) -> None:
    made = create_many(api, queue, 10)
    cursor = page(api, queue=queue, limit=4)["next"]
    assert ids(api, queue=queue, status="queued", limit=2, next=cursor) == made[5:3:-1]


def test_a_cursor_of_the_very_first_or_last_id_is_no_trap(api: Api) -> None:
    assert page(api, next=sealed(bytes(16))) == {"jobs": [], "next": None}
    assert len(page(api, next=sealed(b"\xff" * 16), limit=1)["jobs"]) <= 1
