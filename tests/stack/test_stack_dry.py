"""A hopper that runs dry while more jobs wait in MySQL: nobody is told that there is nothing."""

import signal

import redis
from api.caller import Api, wait_until
from api.steps import claim, depth

from jobhopper_core.hopper.commands import MOST_JOBS
from stack.services import Services, Stores

JOBS, AT_ONCE = MOST_JOBS + 500, 30


def test_claims_are_filled_up_from_the_database(
    api: Api, services: Services, stores: Stores
) -> None:
    with redis.Redis.from_url(stores.redis) as client:
        for _ in range(JOBS // 500):
            body = {"jobs": [{"queue": "dry", "type": "t"}] * 500}
            # Straight to MySQL, where RabbitMQ was slow to confirm on a busy machine.
            assert api.post("/v1/jobs", body).status in {201, 202}
            # From its first refill on the hopper takes what is offered.
            wait_until(lambda: bool(client.exists("jh:{dry}:horizon")))
        wait_until(lambda: depth(api, "dry").get("queued") == JOBS)
        # Without refills the hopper ends at what it holds, in the middle of a claim.
        services.refillers[0].send(signal.SIGSTOP)
        # And one is lost on the way: nobody is there to offer it again.
        assert client.zpopmin("jh:{dry}:ready")
    try:
        got = [len(claim(api, "dry", max=AT_ONCE)) for _ in range(JOBS // AT_ONCE + 1)]
    finally:
        services.refillers[0].send(signal.SIGCONT)
    assert got == [AT_ONCE] * (JOBS // AT_ONCE) + [JOBS % AT_ONCE]
