"""`POST /v1/claims`: hands out the top picks."""

from functools import partial

from msgspec import UNSET

from jobhopper_api.http.identity import require
from jobhopper_api.operations import Answer, Call, Operation
from jobhopper_api.telemetry import count
from jobhopper_api.wire import answers
from jobhopper_api.wire.queries import NoQuery
from jobhopper_api.wire.requests import Claim
from jobhopper_core.errors import InvalidFieldError
from jobhopper_core.leases.token import Lease
from jobhopper_core.model.access import Scope
from jobhopper_core.model.job import ClaimedJob, Demand
from jobhopper_core.model.times import SECOND


async def claim(call: Call[Claim, NoQuery]) -> Answer:
    """Claims jobs, waiting for the first when asked to."""
    body, services = call.body, call.services
    if len(set(body.queues)) != len(body.queues):
        raise InvalidFieldError("/queues", "names a queue twice; name each once.")
    for queue in body.queues:
        require(call.caller, queue, Scope.WORK)
    lease = None if body.lease is UNSET else body.lease * SECOND
    demand = Demand(body.max, lease, body.worker)
    jobs = await services.claims.claim(body.queues, demand, body.wait, partial(_until_gone, call))
    if jobs and await call.request.is_disconnected():
        # Nobody is there to work on them: another worker gets them now, not after the lease.
        await services.claims.give_back(jobs)
        jobs = []
    label = services.metrics.label
    count(services.metrics.claimed, [(label(job.queue), job.path) for job in jobs])
    return Answer(200, answers.Claims([_signed(call, job) for job in jobs]))


async def _until_gone(call: Call[Claim, NoQuery]) -> None:
    while (await call.request.receive())["type"] != "http.disconnect":
        pass


def _signed(call: Call[Claim, NoQuery], job: ClaimedJob) -> answers.Claimed:
    lease = Lease(job.id, job.claim_id, job.attempt, job.lease_until, job.queue)
    return answers.claimed(job, call.services.signer.sign(lease))


OPERATIONS = (
    Operation(
        "POST",
        "/v1/claims",
        claim,
        "Claims the top picks: priority first, then date.",
        {200: answers.Claims},
        scope="work",
        body=(Claim,),
        patience=lambda body, _query: body.wait,
    ),
)
