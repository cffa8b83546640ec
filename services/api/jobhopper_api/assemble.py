"""Puts the parts of the API together, with as many stores as there are."""

import random
from collections.abc import Callable
from typing import NamedTuple

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry

from jobhopper_api.announcer import Announcer
from jobhopper_api.bridge import Store
from jobhopper_api.claims.desk import ClaimDesk
from jobhopper_api.claims.from_hopper import HopperClaims
from jobhopper_api.claims.from_store import StoreClaims
from jobhopper_api.claims.provisional import ProvisionalClaims
from jobhopper_api.claims.unknown import UnknownClaims
from jobhopper_api.dead.letters import DeadLetters
from jobhopper_api.health import Ask, Health
from jobhopper_api.http.identity import Gate
from jobhopper_api.hub import Hub
from jobhopper_api.outage_watch import OutageWatch
from jobhopper_api.queue_registry import QueueRegistry
from jobhopper_api.redis_side import RedisSide
from jobhopper_api.sampling import Sampling
from jobhopper_api.services import Facts, Services
from jobhopper_api.sight import Sight
from jobhopper_api.telemetry import ApiMetrics
from jobhopper_api.writes.broker import BrokerPath
from jobhopper_api.writes.path import WritePath
from jobhopper_api.writes.revocation import Revocation
from jobhopper_api.writes.straight import StraightPath
from jobhopper_core.hopper.names import Names
from jobhopper_core.leases.token import LeaseSigner
from jobhopper_core.model.ids import IdMaker
from jobhopper_core.store.database import Database


class GateSettings(NamedTuple):
    """The first admin key, and whether callers without a key are let in."""

    admin_key: str | None
    open: bool


def put_together(
    database: Database,
    name: str,
    facts: Facts,
    gate: GateSettings,
    signer: LeaseSigner,
    registry: CollectorRegistry,
    broker: BrokerPath | None = None,
    redis_url: str = "",
    sight: Callable[[Store], Sight] | None = None,
    rabbitmq_url: str = "",
) -> Services:
    """The parts; has to be called on the event loop that serves them.

    `name` is what the database is called to the outside: mysql or sqlite. `sight` makes what looks
    whether a database that is a server of its own is there.
    """
    store, hub, queues = Store(database), Hub(), QueueRegistry()
    seeing = sight(store) if sight is not None else None
    metrics = ApiMetrics(registry, facts.version)
    redis = RedisSide(redis_url, Names(), hub) if redis_url else None
    if redis is not None:
        redis.is_sole = lambda: not store.breaker.closed
    announcer = Announcer(store, hub, redis)
    straight = StraightPath(store, announcer, facts.shards, random.random)
    writes = WritePath(straight, broker, facts.shards)
    unknown = UnknownClaims(store, writes)
    claims: HopperClaims | StoreClaims = StoreClaims(store, unknown)
    if redis is not None:
        provisional = ProvisionalClaims(store, redis, broker, facts.shards)
        claims = HopperClaims(store, redis, queues, provisional, unknown)
    claim_desk = ClaimDesk(store, hub, writes, claims.take)
    # Asked for at each scrape, on either port.
    metrics.waiting.set_function(claim_desk.waiting)
    return Services(
        facts=facts,
        store=store,
        hub=hub,
        announcer=announcer,
        redis=redis,
        writes=writes,
        revocation=Revocation(store, redis),
        dead=DeadLetters(rabbitmq_url, metrics) if rabbitmq_url else None,
        claims=claim_desk,
        queues=queues,
        gate=Gate(store, redis, gate.admin_key, open_=gate.open),
        health=Health(store, _asks(store, name, broker, redis, seeing), metrics),
        outage=OutageWatch(store, redis, broker, seeing, metrics),
        sight=seeing,
        sampling=Sampling(redis),
        signer=signer,
        ids=IdMaker(),
        metrics=metrics,
    )


def new_registry() -> CollectorRegistry:
    """A registry with what is told of every Python process."""
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    return registry


def _asks(
    store: Store,
    name: str,
    broker: BrokerPath | None,
    redis: RedisSide | None,
    sight: Sight | None,
) -> dict[str, Ask]:
    ask = store.ping if sight is None else sight.ask
    asks = {name: Ask(ask, lambda: store.breaker.state)}
    if broker is not None:
        asks["rabbitmq"] = Ask(broker.ping, lambda: broker.state)
    if redis is not None:
        asks["redis"] = Ask(redis.ping, lambda: redis.breaker.state)
    return asks
