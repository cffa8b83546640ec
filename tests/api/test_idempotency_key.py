"""`Idempotency-Key`: a create that is repeated creates nothing more."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from .caller import Api, exchange, head, parsed
from .conftest import Start
from .server import Server
from .steps import now, read, top, uuid7

DAY = 86_400


def job(queue: str, payload: object = 1) -> dict[str, object]:
    return {"queue": queue, "type": "t", "payload": payload}


def key(text: str) -> dict[str, str]:
    return {"Idempotency-Key": text}


@pytest.mark.parametrize(
    "text", ["order-4711", "a", "k" * 255, "with a space", "order:#4711/é", "null", "0"]
)
def test_a_repeat_with_the_same_key_and_body_answers_the_first_id(
    api: Api, queue: str, text: str
) -> None:
    first = api.post("/v1/jobs", job(queue), key(f"{queue}{text}"[:255]))
    again = api.post("/v1/jobs", job(queue), key(f"{queue}{text}"[:255]))
    assert (first.status, first.json["duplicate"]) == (201, False)
    assert (again.status, again.json["duplicate"]) == (200, True)
    assert again.json["id"] == first.json["id"]
    assert again.headers["location"] == first.headers["location"]
    assert top(api, queue) == [first.json["id"]]


def test_a_repeated_batch_answers_the_same_ids_in_order(api: Api, queue: str) -> None:
    body = {"jobs": [job(queue, i) for i in range(40)]}
    first = api.post("/v1/jobs", body, key(queue))
    again = api.post("/v1/jobs", body, key(queue))
    ids = [one["id"] for one in first.json["jobs"]]
    assert (again.status, again.json["jobs"]) == (
        200,
        [{"id": id_, "duplicate": True} for id_ in ids],
    )
    assert len(top(api, queue)) == 40


def test_the_same_key_with_another_body_is_refused(api: Api, queue: str) -> None:
    api.post("/v1/jobs", job(queue, 1), key(queue))
    reply = api.post("/v1/jobs", job(queue, 2), key(queue))
    assert (reply.status, reply.code) == (422, "idempotency_mismatch")
    assert reply.fields == ["Idempotency-Key"]
    assert len(top(api, queue)) == 1


def test_a_body_counts_byte_for_byte(api: Api, queue: str) -> None:
    body = b'{"queue":"%s","type":"t"}' % queue.encode()
    assert api.post("/v1/jobs", body, key(queue)).status == 201
    assert api.post("/v1/jobs", body + b" ", key(queue)).code == "idempotency_mismatch"


def test_a_mismatch_makes_no_queue(api: Api, queue: str) -> None:
    api.post("/v1/jobs", job(queue), key(queue))
    other = f"{queue}.other"
    assert api.post("/v1/jobs", job(other), key(queue)).status == 422
    assert api.get(f"/v1/queues/{other}").status == 404


def test_a_refused_request_takes_no_key(api: Api, queue: str) -> None:
    wrong = {**job(queue), "priority": 10}
    assert api.post("/v1/jobs", wrong, key(queue)).status == 422
    assert api.post("/v1/jobs", job(queue), key(queue)).status == 201


def test_a_repeat_changes_nothing_of_a_job_that_went_on(api: Api, queue: str) -> None:
    id_ = api.post("/v1/jobs", job(queue), key(queue)).json["id"]
    assert api.patch(f"/v1/jobs/{id_}", {"status": "cancelled"}).status == 200
    assert api.post("/v1/jobs", job(queue), key(queue)).status == 200
    assert read(api, id_)["status"] == "cancelled"


@pytest.mark.parametrize("lines", [["Idempotency-Key:"], ["Idempotency-Key: " + "k" * 256]])
def test_a_key_is_1_to_255_characters(server: Server, lines: list[str]) -> None:
    reply = parsed(exchange(server.port, raw(*lines)))
    assert (reply.status, reply.fields) == (422, ["Idempotency-Key"])


def test_two_keys_in_one_request_are_refused(server: Server) -> None:
    reply = parsed(exchange(server.port, raw("Idempotency-Key: a", "Idempotency-Key: b")))
    assert (reply.status, reply.fields) == (422, ["Idempotency-Key"])


def raw(*lines: str) -> bytes:
    body = b'{"queue":"unused","type":"t"}'
    sizes = ("Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close")
    return head("POST", "/v1/jobs", *sizes, *lines) + body


@pytest.mark.parametrize("age", [0, 3_600, DAY - 60, -5])
def test_a_fresh_uuid7_is_the_first_id(api: Api, queue: str, age: float) -> None:
    id_ = uuid7(now() - age)
    first = api.post("/v1/jobs", job(queue), key(id_))
    again = api.post("/v1/jobs", job(queue), key(id_))
    assert (first.status, first.json["id"], first.json["duplicate"]) == (201, id_, False)
    assert (again.status, again.json["id"], again.json["duplicate"]) == (200, id_, True)
    assert top(api, queue) == [id_]


def test_a_uuid7_in_upper_case_is_the_same_id(api: Api, queue: str) -> None:
    id_ = uuid7(now())
    assert api.post("/v1/jobs", job(queue), key(id_.upper())).json["id"] == id_
    assert api.post("/v1/jobs", job(queue), key(id_)).status == 200


def test_a_batch_under_a_uuid7_counts_up_from_it(api: Api, queue: str) -> None:
    id_ = uuid7(now())
    body = {"jobs": [job(queue, i) for i in range(1_000)]}
    ids = [one["id"] for one in api.post("/v1/jobs", body, key(id_)).json["jobs"]]
    assert ids[0] == id_
    assert ids == sorted(set(ids))
    again = api.post("/v1/jobs", body, key(id_))
    assert (again.status, [one["id"] for one in again.json["jobs"]]) == (200, ids)


@pytest.mark.parametrize("age", [DAY + 60, 10 * DAY, -60, -DAY])
def test_a_uuid7_a_day_old_or_from_the_future_is_treated_as_text(
    api: Api, queue: str, age: float
) -> None:
    id_ = uuid7(now() - age)
    first = api.post("/v1/jobs", job(queue), key(id_))
    again = api.post("/v1/jobs", job(queue), key(id_))
    assert first.json["id"] != id_
    assert (again.status, again.json["id"]) == (200, first.json["id"])
    assert api.post("/v1/jobs", job(queue, 2), key(id_)).code == "idempotency_mismatch"


def test_a_uuid_of_another_version_is_treated_as_text(api: Api, queue: str) -> None:
    id_ = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6"
    first = api.post("/v1/jobs", job(queue), key(id_))
    assert first.json["id"] != id_
    assert api.post("/v1/jobs", job(queue), key(id_)).json["id"] == first.json["id"]


@pytest.mark.parametrize("fresh", [True, False])
def test_repeats_at_the_same_time_create_once(api: Api, queue: str, *, fresh: bool) -> None:
    body = {"jobs": [job(queue, i) for i in range(5)]}
    text = uuid7(now()) if fresh else f"{queue} at once"
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: api.post("/v1/jobs", body, key(text)), range(48)))
    assert sorted(reply.status for reply in replies) == [200] * 47 + [201]
    assert len({tuple(one["id"] for one in reply.json["jobs"]) for reply in replies}) == 1
    assert len(top(api, queue)) == 5


def test_of_different_bodies_at_the_same_time_one_wins(api: Api, queue: str) -> None:
    with ThreadPoolExecutor(16) as pool:
        replies = list(
            pool.map(lambda i: api.post("/v1/jobs", job(queue, i % 8), key(queue)), range(48))
        )
    assert sorted(reply.status for reply in replies) == [200] * 5 + [201] + [422] * 42
    assert len(top(api, queue)) == 1


@pytest.fixture
def producers(admin: Api, locked: Server) -> tuple[Api, Api]:
    """Two keys that may create."""
    made = [
        admin.post("/v1/keys", {"name": "p", "scopes": {"produce": ["*"]}}).json["key"]
        for _ in range(2)
    ]
    return locked.api(made[0]), locked.api(made[1])


def test_keys_of_two_api_keys_do_not_meet(producers: tuple[Api, Api], queue: str) -> None:
    one, other = producers
    first = one.post("/v1/jobs", job(queue, 1), key("shared"))
    second = other.post("/v1/jobs", job(queue, 2), key("shared"))
    assert (first.status, second.status) == (201, 201)
    assert first.json["id"] != second.json["id"]


def test_keys_outlive_a_restart(start: Start, queue: str) -> None:
    server = start()
    id_ = server.api().post("/v1/jobs", job(queue), key("k")).json["id"]
    server.stop()
    again = start().api().post("/v1/jobs", job(queue), key("k"))
    assert (again.status, again.json["id"]) == (200, id_)
