"""The dead letters by API, on RabbitMQ and the services as processes."""

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import urlopen

import pika
import pytest
from api.caller import Api, Reply, wait_until
from api.steps import claim, uuid7
from conftest import Launch
from consumer.broker import Broker
from pika.exceptions import AMQPError

from jobhopper.cli import main
from jobhopper_api.dead import visit
from jobhopper_core.broker.connect import parameters
from jobhopper_core.broker.envelope import encode, of_writes
from jobhopper_core.broker.names import DEAD, Lane
from jobhopper_core.model.writes import Create, Succeed
from stack.containers.container import Container
from stack.services import Services, Stores

QUEUE = "dead.mine"
ORIGIN = "jobhopper.creates.1"
# One deadline of a request, and what a busy machine adds.
SOON = 3.5


@pytest.fixture
def broker(services: Services, rabbitmq: Container) -> Iterator[Broker]:
    """RabbitMQ with its queues emptied, of which the consumer takes what comes."""
    one = Broker(rabbitmq.url)
    one.purge()
    yield one
    one.close()


@pytest.fixture
def quiet(services: Services, broker: Broker) -> Iterator[Broker]:
    """As `broker`, and nobody takes what comes."""
    services.consumers[0].stop()
    yield broker
    broker.purge()
    services.consumers[0].start()
    services.consumers[0].await_ready()


def bury(broker: Broker, body: bytes, message_id: str | None = "m", **headers: Any) -> None:
    """A dead letter as the consumer makes them, unless `headers` say otherwise."""
    usual = {
        "x-jh-error": "too big",
        "x-jh-code": "data_error",
        "x-jh-queue": ORIGIN,
        "x-jh-at": time.time_ns() // 1000,
        "x-jh-writes": 1,
        "traceparent": "00-1-2-03",
    }
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: v for name, v in (usual | changed).items() if v is not None}
    properties = pika.BasicProperties(delivery_mode=2, message_id=message_id, headers=kept)
    broker.channel.basic_publish("", DEAD, body, properties, mandatory=True)


def new_create(queue: str = QUEUE, payload: str = '{"a": 1}') -> Create:
    return Create(uuid7(time.time()), time.time_ns() // 1000, queue, "t", payload, 5, 5)


def envelope(*writes: Any) -> bytes:
    return encode(of_writes(writes, 1))


def letters(api: Api, limit: int = 50) -> list[dict[str, Any]]:
    """The letters of a list that is answered in time."""
    began = time.monotonic()
    reply = api.get(f"/v1/dead?limit={limit}")
    assert time.monotonic() - began < SOON
    assert reply.status == 200, reply
    found: list[dict[str, Any]] = reply.json["letters"]
    return found


def one_letter(api: Api) -> dict[str, Any]:
    (letter,) = letters(api)
    return letter


def resend(api: Api, id_: str) -> Reply:
    return api.call("POST", f"/v1/dead/{id_}/resend")


def drop(api: Api, id_: str) -> Reply:
    return api.delete(f"/v1/dead/{id_}")


def sent_back(broker: Broker) -> list[tuple[Any, bytes]]:
    """What was sent to where the letters say that they came from, without the refiller's ticks."""
    found = []
    for _, properties, body in broker.channel.consume(ORIGIN, auto_ack=True, inactivity_timeout=1):
        if properties is None:
            break
        if b'"tick"' not in body:
            found.append((properties, body))
    broker.channel.cancel()
    return found


@pytest.fixture
def key(api: Api) -> Iterator[Callable[..., Api]]:
    """Makes a key with scopes and a caller that uses it."""
    made: list[Api] = []

    def make(**scopes: list[str]) -> Api:
        reply = api.post("/v1/keys", {"name": "test", "scopes": scopes})
        assert reply.status == 201, reply
        made.append(Api(api.port, reply.json["key"]))
        return made[-1]

    yield make
    for one in made:
        one.close()


def metric(services: Services, action: str) -> float:
    name = f'jobhopper_dead_letters_settled_total{{action="{action}"}}'
    with urlopen(f"http://127.0.0.1:{services.apis[0].probe}/metrics") as reply:
        told = reply.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in told if line.startswith(name))


def test_the_consumers_letters_are_listed_with_the_reason(api: Api, broker: Broker) -> None:
    bad = [new_create(), new_create()]
    for one in bad:
        one.priority = 11
    broker.send(bad, shard=1)
    broker.publish(Lane.UPDATES, 2, b"\xff not an envelope", 7, "")
    wait_until(lambda: broker.dead() == 3)
    found = letters(api)
    assert len({one["id"] for one in found}) == 3
    (damaged,) = [one for one in found if one["content"] is None]
    assert (damaged["lane"], damaged["shard"], damaged["queue"]) == ("updates", 2, None)
    assert base64.b64decode(damaged["body"]) == b"\xff not an envelope"
    assert (damaged["writes"], damaged["truncated"]) == (7, False)
    written = [one for one in found if one["content"] is not None]
    assert len({one["message_id"] for one in written}) == 1
    assert {one["content"][0]["id"] for one in written} == {one.id for one in bad}
    for one in written:
        assert (one["lane"], one["shard"], one["queue"], one["writes"]) == ("creates", 1, QUEUE, 1)
        assert (one["code"], one["body"], one["truncated"]) == ("data_error", None, False)
        assert one["error"]
        assert one["died_at"].startswith("20")
        assert one["content"][0]["payload"] == '{"a": 1}'


@pytest.mark.timed
def test_they_are_looked_at_and_stay(api: Api, broker: Broker) -> None:
    for number in range(60):
        bury(broker, b"%d" % number, str(number), x_jh_at=1_000_000 + number)
    for _ in range(3):
        first = api.get("/v1/dead?limit=10").json
        assert (len(first["letters"]), first["more"]) == (10, True)
        every = api.get("/v1/dead?limit=500").json
        assert [one["message_id"] for one in every["letters"]] == [str(n) for n in range(60)]
        assert every["more"] is False
    wait_until(lambda: broker.dead() == 60)


def test_a_letter_may_tell_nothing_at_all(api: Api, broker: Broker) -> None:
    broker.channel.basic_publish("", DEAD, b"")
    nothing = one_letter(api)
    shown = {name: value for name, value in nothing.items() if value is not None}
    assert shown == {"id": nothing["id"], "size": 0, "truncated": False, "body": ""}
    assert one_letter(api)["id"] == nothing["id"]
    assert resend(api, nothing["id"]).code == "unknown_origin"
    assert drop(api, nothing["id"]).status == 204
    assert broker.dead() == 0


def test_headers_of_any_type_are_read(api: Api, broker: Broker) -> None:
    odd = {"x_jh_error": 1, "x_jh_code": [], "x_jh_queue": {}, "x_jh_writes": -1, "x_jh_at": 2**62}
    bury(broker, b"x", "m/?%\u00e4", **odd)
    found = one_letter(api)
    assert found["message_id"] == "m/?%\u00e4"
    assert [found[name] for name in ("error", "code", "lane", "writes", "died_at")] == [None] * 5
    assert drop(api, found["id"]).status == 204


def test_long_bodies_are_cut(api: Api, broker: Broker) -> None:
    long = envelope(new_create(payload=json.dumps("x" * 20_000)))
    bury(broker, long)
    found = one_letter(api)
    assert (found["size"], found["truncated"], found["content"]) == (len(long), True, None)
    assert base64.b64decode(found["body"]) == long[: 16 * 1024]
    # What is too long to be shown is read all the same.
    assert (found["queue"], found["writes"]) == (QUEUE, 1)


@pytest.mark.timed
def test_an_answer_is_no_longer_than_all_letters_are_worth(api: Api, broker: Broker) -> None:
    for number in range(300):
        bury(broker, b"%d" % number + b" " * 20_000)
    reply = api.get("/v1/dead?limit=300")
    assert len(reply.json["letters"]) == 300
    assert len(reply.body) < 4 * 1024 * 1024 * 4 / 3 + 300 * 600
    assert reply.json["letters"][-1]["body"] == ""


def test_a_letter_goes_back_to_where_it_came_from(
    api: Api, quiet: Broker, services: Services
) -> None:
    before = metric(services, "resent")
    body = envelope(new_create())
    bury(quiet, body, x_jh_writes=1)
    reply = resend(api, id_ := one_letter(api)["id"])
    assert (reply.status, reply.json["receipt"]) == (202, "rabbitmq")
    assert (reply.json["lane"], reply.json["shard"]) == ("creates", 1)
    assert quiet.dead() == 0
    ((properties, sent),) = sent_back(quiet)
    assert sent == body
    assert properties.delivery_mode == 2
    assert properties.headers == {"x-jh-writes": 1, "traceparent": "00-1-2-03"}
    # Under the old id a consumer may count deaths, or remember that it buried this very write.
    assert properties.message_id
    assert properties.message_id != "m"
    assert metric(services, "resent") == before + 1
    said = [line for line in log_of(services) if line["event"] == "dead_letter_resent"]
    assert said[-1]["letter"] == id_
    assert "payload" not in json.dumps(said)


def log_of(services: Services) -> list[dict[str, Any]]:
    return [json.loads(line) for line in services.apis[0].log.read_text().splitlines()]


def test_what_is_sent_back_is_applied_and_once(api: Api, broker: Broker) -> None:
    write = new_create("dead.again")
    for name in ("first", "twin"):
        bury(broker, envelope(write), name)
    for one in letters(api):
        assert resend(api, one["id"]).status == 202
    assert [job["id"] for job in claim(api, "dead.again", max=9, wait=10)] == [write.id]
    wait_until(lambda: broker.all_waiting(Lane.CREATES) == 0)
    assert claim(api, "dead.again", max=9) == []
    assert broker.dead() == 0


def test_what_still_can_not_be_applied_is_a_letter_again(api: Api, broker: Broker) -> None:
    bury(broker, b'{"v": 99}')
    first = one_letter(api)["id"]
    assert resend(api, first).status == 202
    wait_until(lambda: broker.dead() == 1)
    again = one_letter(api)
    assert "version 99" in again["error"]
    assert again["id"] != first
    assert resend(api, first).status == 404


@pytest.mark.parametrize(
    "origin", [None, "", "mail", "jobhopper.dead", "jobhopper.creates.999", "jobhopper.creates.x"]
)
def test_a_letter_without_a_way_back_stays(api: Api, broker: Broker, origin: str | None) -> None:
    bury(broker, b"x", x_jh_queue=origin)
    id_ = one_letter(api)["id"]
    reply = resend(api, id_)
    assert (reply.status, reply.code) == (409, "unknown_origin")
    assert one_letter(api)["id"] == id_


def test_a_full_queue_takes_none_back(api: Api, quiet: Broker, rabbitmq: Container) -> None:
    limit = json.dumps({"max-length": 1, "overflow": "reject-publish"})
    rabbitmq.execute("rabbitmqctl", "set_policy", "full", "creates", limit)
    try:
        for number in range(8):
            bury(quiet, b"%d" % number)
        # A queue refuses a moment after it is full.
        replies = [resend(api, one["id"]) for one in letters(api)]
    finally:
        rabbitmq.execute("rabbitmqctl", "clear_policy", "full")
    refused = [reply for reply in replies if reply.status != 202]
    assert {reply.code for reply in refused} == {"unavailable"}
    wait_until(lambda: quiet.dead() == len(refused) > 0)


def test_a_letter_is_dropped_and_no_other(api: Api, broker: Broker, services: Services) -> None:
    before = metric(services, "dropped")
    for number in range(5):
        bury(broker, b"%d" % number, "same")
    every = letters(api)
    gone = every[2]["id"]
    assert drop(api, gone).status == 204
    for reply in (drop(api, gone), resend(api, gone)):
        assert (reply.status, reply.code) == (404, "not_found")
    assert {one["id"] for one in letters(api)} == {one["id"] for one in every} - {gone}
    assert metric(services, "dropped") == before + 1
    assert "dead_letter_dropped" in {line["event"] for line in log_of(services)}


@pytest.mark.parametrize("change", [drop, resend])
def test_of_two_at_once_one_does_it(api: Api, quiet: Broker, change: Any) -> None:
    for number in range(20):
        bury(quiet, b"%d" % number)
    ids = [one["id"] for one in letters(api)]
    with ThreadPoolExecutor(4) as pool:
        for id_ in ids[:5]:
            replies = list(pool.map(lambda id_: change(api, id_), [id_] * 3))
            done = [reply.status for reply in replies if reply.status < 300]
            assert len(done) == 1, replies
            rest = {reply.code for reply in replies if reply.status >= 300}
            assert rest <= {"not_found", "unavailable"}
    wait_until(lambda: quiet.dead() == 15)
    assert {one["id"] for one in letters(api)} == set(ids[5:])
    assert len(sent_back(quiet)) == (5 if change is resend else 0)


@pytest.mark.timed
def test_who_looks_hides_no_letter_from_others(api: Api, broker: Broker) -> None:
    for number in range(40):
        bury(broker, b"%d" % number)
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(lambda _: api.get("/v1/dead?limit=500"), range(6)):
            if found.status == 503:
                assert found.code == "unavailable"
            else:
                # On a busy machine the time may be up before all are seen: it says so then.
                assert len(found.json["letters"]) == 40 or found.json["more"], found.json
    wait_until(lambda: len(api.get("/v1/dead?limit=500").json["letters"]) == 40, 10)


def test_a_key_reaches_the_letters_of_its_queues(
    api: Api, broker: Broker, key: Callable[..., Api]
) -> None:
    succeed = Succeed(uuid7(time.time()), 1, secrets.token_hex(8), 1)
    mixed = envelope(new_create("mine.a"), new_create("yours"))
    bodies = {
        "mine": envelope(new_create("mine.a"), new_create("mine.b")),
        "mixed": mixed,
        "yours": envelope(new_create("yours")),
        "update": envelope(succeed),
        "damaged": b"?",
    }
    for name, body in bodies.items():
        bury(broker, body, name)
    ids = {one["message_id"]: one["id"] for one in letters(api)}
    mine, nobody = key(read=["mine.*"], manage=["mine.*"]), key(produce=["*"])
    assert [one["message_id"] for one in letters(mine)] == ["mine"]
    assert nobody.get("/v1/dead").status == 403
    for change in (resend, drop):
        for name in ("mixed", "yours", "update", "damaged"):
            reply = change(mine, ids[name])
            assert (reply.status, reply.code) == (403, "forbidden"), name
        assert change(key(read=["*"]), ids["mine"]).status == 403
    assert broker.dead() == 5
    assert drop(mine, ids["mine"]).status == 204
    everything = key(manage=["*"])
    assert drop(everything, ids["damaged"]).status == 204
    assert everything.get("/v1/dead").status == 403


def test_without_rabbitmq_everybody_is_told_in_time(
    api: Api, broker: Broker, rabbitmq: Container
) -> None:
    bury(broker, b"x")
    id_ = one_letter(api)["id"]
    for trouble, codes in (
        (rabbitmq.paused, {"unavailable", "outcome_unknown"}),
        (rabbitmq.killed, {"unavailable"}),
    ):
        with trouble():
            for method, path in (
                ("GET", "/v1/dead"),
                ("POST", f"/v1/dead/{id_}/resend"),
                ("DELETE", "/v1/dead/none"),
            ):
                began = time.monotonic()
                reply = api.call(method, path)
                assert time.monotonic() - began < SOON
                assert reply.status == 503
                assert reply.code in codes
                assert "RabbitMQ" in reply.json["detail"] or "dead letters" in reply.json["detail"]
                # All else goes on.
                assert api.get("/livez").status == 200
        # It is back by itself.
        wait_until(lambda: api.get("/v1/dead").status == 200, 30)


def test_without_a_configured_rabbitmq_it_is_said(launch: Launch, stores: Stores) -> None:
    with Services(stores._replace(rabbitmq=""), consumers=0, refillers=0) as running:
        caller = Api(running.ports[0], running.key)
        for method, path in (("GET", "/v1/dead"), ("DELETE", "/v1/dead/x")):
            reply = caller.call(method, path)
            assert (reply.status, reply.code) == (503, "unavailable")
            assert "JOBHOPPER_RABBITMQ_URL" in reply.json["detail"]
        caller.close()


def test_a_visit_that_hangs_is_cut_off(
    broker: Broker, rabbitmq: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a queue without its majority never confirms; its lock would last for ever."""
    monkeypatch.setattr(visit, "_CUT_OFF_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(AMQPError), visit.visiting(parameters(rabbitmq.url), began) as one:
        one._channel._flush_output(lambda: False)
    assert 0.4 < time.monotonic() - began < 3


def test_by_command_line(
    services: Services, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    for body in (envelope(new_create("dead.cli")), b"damaged"):
        bury(broker, body)
    server = ["--url", services.url, "--key", services.key]

    def run(*argv: str) -> tuple[int, list[str]]:
        return main(["dead", *argv, *server]), capsys.readouterr().out.splitlines()

    code, lines = run("list")
    assert code == 0
    assert len(lines) == 3
    _, shown = run("list", "--json")
    by_queue = {one["queue"]: one["id"] for one in map(json.loads, shown)}
    assert run("resend", by_queue["dead.cli"]) == (0, [f"{by_queue['dead.cli']}  resent"])
    assert run("drop", by_queue[None], by_queue["dead.cli"]) == (1, [f"{by_queue[None]}  dropped"])
    assert run("list")[1][1:] == []
