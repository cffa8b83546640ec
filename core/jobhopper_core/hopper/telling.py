"""What is said to Redis after a commit: work to offer, jobs to forget, ends, revocations."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Raw

from jobhopper_core.hopper.commands import Command, HopperCommands
from jobhopper_core.hopper.mirror import keep_settings
from jobhopper_core.hopper.names import Names
from jobhopper_core.hopper.offer import Held, Offer, offer
from jobhopper_core.model.queue import QueueSettings
from jobhopper_core.model.times import SECOND
from jobhopper_core.model.writes import Create
from jobhopper_core.store.refill import ReadyJob
from jobhopper_core.store.save import Effects


def told(
    commands: HopperCommands,
    names: Names,
    effects: Effects,
    ready: Sequence[ReadyJob],
    at_ms: int,
    now: int,
) -> list[Command]:
    """The commands that pass on `effects`; `ready` are the rows of those made ready again.

    `at_ms` is Redis's time from before the transaction, `now` the time in µs.
    """
    moved = _by_queue(effects.moved)
    said = [commands.forget(queue, versions) for queue, versions in moved.items()]
    offers = _offers(effects, ready)
    said += [commands.offer(queue, at_ms, found) for queue, found in offers.items()]
    if effects.finished:
        said.append(("PUBLISH", names.plain("finished"), ",".join(sorted(effects.finished))))
    for job_id, (attempt, until) in effects.revoked.items():
        rest = max(1, (until - now) // SECOND + 1)
        said.append(("SET", names.revoked(job_id), attempt, "EX", rest))
    return said


def untold(commands: HopperCommands, effects: Effects, ready: Sequence[ReadyJob]) -> list[Command]:
    """What to say when Redis had no room for what `told` offered: it needs none."""
    return [commands.refuse(queue, found) for queue, found in _offers(effects, ready).items()]


def paused(names: Names, queue: str, settings: QueueSettings) -> list[Command]:
    """The commands that tell the hopper, and those who wait, whether a queue is paused."""
    told_: list[Command] = [keep_settings(names, queue, settings)]
    if not settings.paused:
        told_.append(("PUBLISH", names.offers(queue), 0))
    return told_


def held(job: ReadyJob) -> Held:
    """A row as the hopper holds it."""
    return Held(
        job.id,
        job.queue,
        job.type,
        Raw((job.payload or "null").encode()),
        job.priority,
        job.run_at,
        job.attempt,
        job.max_attempts,
        Raw((job.progress or "null").encode()),
        job.created_at,
        job.updated_at,
        job.traceparent,
    )


def _offers(effects: Effects, ready: Sequence[ReadyJob]) -> dict[str, list[Offer]]:
    offers: defaultdict[str, list[Offer]] = defaultdict(list)
    for create in effects.created:
        offers[create.queue].append(offer(_new(create)))
    for job in ready:
        offers[job.queue].append(offer(held(job)))
    return offers


def _new(create: Create) -> Held:
    run_at = create.at if create.run_at is None else create.run_at
    return Held(
        create.id,
        create.queue,
        create.type,
        Raw(create.payload.encode()),
        create.priority,
        run_at - run_at % 1000,
        0,
        create.max_attempts,
        Raw(b"null"),
        create.at,
        create.at,
        create.traceparent,
    )


def _by_queue(moved: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (queue, job_id), version in sorted(moved.items()):
        found[queue][job_id] = version
    return found
