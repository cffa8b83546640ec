"""The way to Redis: it fails fast, asks seldom while Redis is away, and heals by itself."""

import threading
import time

import pytest
import redis

from jobhopper_core.errors import ConfigurationError, UnavailableError
from jobhopper_core.hopper.commands import LIBRARY, VERSION, HopperCommands
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from stack.containers.container import Container

from .hopper import Hopper, job, taken_numbers

PING = [("PING",)]


def _seconds(link: HopperLink) -> float:
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        link.run(PING)
    return time.monotonic() - began


def _recovered(link: HopperLink, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            return link.run(PING) == [True] or True
        except UnavailableError:
            time.sleep(0.02)
    return False


def test_a_url_that_can_not_be_read_is_refused_without_its_password() -> None:
    with pytest.raises(ConfigurationError) as error:
        HopperLink("rodis://:secret@host", HopperCommands(Names()))
    assert "JOBHOPPER_REDIS_URL" in str(error.value)
    assert "secret" not in str(error.value)


def test_a_redis_that_refuses_costs_nothing() -> None:
    link = HopperLink("redis://127.0.0.1:9/0", HopperCommands(Names()))
    assert _seconds(link) < 0.3
    assert sum(_seconds(link) for _ in range(100)) < 0.1
    with pytest.raises(UnavailableError):
        link.now_ms()


@pytest.mark.timed
def test_a_frozen_redis_stops_one_caller_for_a_moment_and_no_other(
    valkey: Container, link: HopperLink
) -> None:
    link.run(PING)
    with valkey.paused():
        assert _seconds(link) < 1.5
        assert sum(_seconds(link) for _ in range(100)) < 0.1
        time.sleep(3.2)
        # Time to see whether it is back: one thread does, the others go on.
        spent: list[float] = []
        threads = [threading.Thread(target=lambda: spent.append(_seconds(link))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(spent)[-2] < 0.2
        assert max(spent) < 1.5
    assert _recovered(link, 5.5)


def test_functions_are_loaded_where_they_are_missing(hopper: Hopper) -> None:
    hopper.raw.function_flush()
    assert hopper.refill(job(1)) == 1
    hopper.raw.function_flush()
    assert taken_numbers(hopper.take(1)) == [1]


@pytest.mark.timed
def test_a_restarted_redis_is_used_again_by_itself(valkey: Container, hopper: Hopper) -> None:
    hopper.refill(job(1), job(2))
    # What is in the file on the disk outlives the process; it is written every second.
    hopper.raw.config_set("appendfsync", "always")
    hopper.take(1)
    with valkey.killed():
        assert _seconds(hopper.link) < 0.5
    assert _recovered(hopper.link, 2)
    hopper.raw.config_set("appendfsync", "everysec")
    assert taken_numbers(hopper.take(9)) == [2]
    hopper.check()


@pytest.mark.timed
def test_a_redis_that_comes_back_empty_is_cold_and_fillable(
    valkey: Container, hopper: Hopper
) -> None:
    hopper.refill(job(1))
    hopper.raw.flushall()
    hopper.raw.function_flush()
    with valkey.killed():
        pass
    assert _recovered(hopper.link, 2)
    assert hopper.take(1).state == "cold"
    assert hopper.refill(job(1)) == 1


def test_every_release_calls_its_own_functions(hopper: Hopper) -> None:
    """Redis keeps what another release has loaded, and an upgrade is no moment of silence."""
    other = LIBRARY.replace(VERSION, "other").replace("return added", "return -7")
    hopper.raw.function_load(other)
    assert hopper.refill(job(1)) == 1
    assert hopper.offer(job(2)) == 1
    libraries = {found[1].decode() for found in hopper.raw.function_list()}
    assert libraries == {"jobhopper_other", f"jobhopper_{VERSION}"}
    hopper.raw.function_delete("jobhopper_other")


def test_an_errors_reply_is_no_answer(link: HopperLink, raw: redis.Redis) -> None:
    raw.set("text", "x")
    with pytest.raises(UnavailableError):
        link.run([("PING",), ("HGET", "text", "field")])


def test_time_is_redis_own_and_never_ahead_of_it(hopper: Hopper) -> None:
    for _ in range(20):
        known = hopper.link.now_ms()
        assert hopper.now() - 50 <= known <= hopper.now()
