"""An update that comes before the claim of the outage mode that it belongs to."""

from store.steps import SECOND

from jobhopper_core.broker.names import Lane
from jobhopper_core.model.writes import Claim, Create, Extend, Succeed

from .broker import SHARDS
from .ground import Ground, metrics, until

CLAIM_ID = "c1" * 16


def persisted(ground: Ground, count: int, shard: int) -> list[Create]:
    new = ground.new(count, shard)
    ground.store.apply(*new)
    return new


def claim_of(ground: Ground, job: Create, lease: float = 60) -> Claim:
    now = ground.clock()
    until_ = now + round(lease * SECOND)
    return Claim(id=job.id, at=now, claim_id=CLAIM_ID, attempt=1, until=until_)


def test_it_is_sent_again_behind_its_claim_and_applied(ground: Ground) -> None:
    consumer = ground.consumer()
    jobs = [job for shard in range(SHARDS) for job in persisted(ground, 3, shard)]
    for job in jobs:
        ground.broker.send([Succeed(job.id, ground.clock(), CLAIM_ID, 1, "1")])
        ground.broker.send([claim_of(ground, job)])
    until(lambda: ground.jobs("status = 'succeeded'") == len(jobs))
    assert consumer.stop() == 0
    assert ground.broker.left(Lane.UPDATES) == []
    ground.audit()


def test_one_whose_claim_never_comes_is_given_up_and_its_neighbours_are_applied(
    ground: Ground,
) -> None:
    consumer = ground.consumer()
    orphan, other = persisted(ground, 2, 0)
    ground.broker.send([Succeed(orphan.id, ground.clock(), CLAIM_ID, 1, "1")])
    ground.broker.send([claim_of(ground, other)])
    ground.broker.send([Succeed(other.id, ground.clock(), CLAIM_ID, 1, "1")])
    until(lambda: ground.jobs("status = 'succeeded'") == 1)
    skipped = 'jobhopper_writes_skipped_total{reason="ahead"}'
    until(lambda: metrics(consumer).get(skipped, 0) > 20)
    assert consumer.stop() == 0
    assert ground.broker.left(Lane.UPDATES) == []
    assert ground.jobs("status = 'queued'") == 1


def test_a_tick_that_it_stands_behind_now_ends_no_lease_under_it(ground: Ground) -> None:
    """An extension in time overtook its claim; the ticks behind both come before it now."""
    (job,) = persisted(ground, 1, 0)
    claim = claim_of(ground, job, lease=1)
    extend = Extend(job.id, claim.at, CLAIM_ID, 1, until=claim.at + 600 * SECOND)
    ground.broker.send([extend])
    ground.broker.send([claim])
    # Enough of them that the extension, sent again, stands behind most; the last expires nothing.
    for number in range(40):
        ground.broker.tick(claim.at + number, shard=0)
    consumer = ground.consumer()
    until(lambda: ground.jobs(f"lease_until = {extend.until}") == 1)
    ground.broker.tick(ground.clock() + 60 * SECOND, shard=0)
    until(lambda: ground.lag("updates", 0) < 0)
    assert ground.jobs("status = 'running'") == 1
    assert consumer.stop() == 0
