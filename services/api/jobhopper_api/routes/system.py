"""`GET /v1/system`: what is running and how it is."""

from jobhopper_api.http.identity import require
from jobhopper_api.operations import Answer, Call, Operation
from jobhopper_api.wire import answers
from jobhopper_api.wire.queries import NoQuery
from jobhopper_core.errors import NotFoundError, UnavailableError
from jobhopper_core.hopper.outage import Outage
from jobhopper_core.model.access import Scope
from jobhopper_core.model.times import to_text


async def system(call: Call[None, NoQuery]) -> Answer:
    """The release, its mode, and its stores."""
    require(call.caller, None, Scope.READ)
    services = call.services
    facts, stores = services.facts, services.health.stores
    view = answers.SystemView(
        version=facts.version,
        mode=facts.mode,
        started_at=to_text(facts.started_at),
        time=to_text(services.store.now()),
        shards=facts.shards,
        stores={
            name: answers.StoreView(
                one.up,
                to_text(one.since),
                services.health.breaker(name).value,
            )
            for name, one in stores.items()
        },
        outage=_outage(services.outage.state),
    )
    return Answer(200, view)


def _outage(found: Outage) -> answers.OutageView:
    since = to_text(found.since * 1000) if found.active else None
    return answers.OutageView(found.phase.value, since, found.replicas, found.reaching)


async def audit(call: Call[None, NoQuery]) -> Answer:
    """The newest report of the refillers."""
    require(call.caller, None, Scope.READ)
    redis = call.services.redis
    if redis is None:
        raise NotFoundError("Without Redis there is no audit.")
    found = await redis.audit()
    if found is None:
        raise UnavailableError("No audit has been made yet; the refillers make one every 20 s.")
    checks = [answers.AuditCheck(c.name, c.compared, c.drift, c.examples) for c in found.checks]
    return Answer(200, answers.AuditView(to_text(found.at), checks))


OPERATIONS = (
    Operation(
        "GET",
        "/v1/system",
        system,
        "The version, the mode, and how each store is.",
        {200: answers.SystemView},
        scope="read",
    ),
    Operation(
        "GET",
        "/v1/system/audit",
        audit,
        "What the last audit compared, and what of it did not agree.",
        {200: answers.AuditView},
        scope="read",
        refusals={404: "not_found"},
    ),
)
