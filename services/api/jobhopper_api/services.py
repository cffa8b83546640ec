"""What the routes work with; made once per process and handed to the app."""

from dataclasses import dataclass
from typing import Literal

from jobhopper_api.announcer import Announcer
from jobhopper_api.bridge import Store
from jobhopper_api.claims.desk import ClaimDesk
from jobhopper_api.dead.letters import DeadLetters
from jobhopper_api.health import Health
from jobhopper_api.http.identity import Gate
from jobhopper_api.hub import Hub
from jobhopper_api.outage_watch import OutageWatch
from jobhopper_api.queue_registry import QueueRegistry
from jobhopper_api.redis_side import RedisSide
from jobhopper_api.sampling import Sampling
from jobhopper_api.sight import Sight
from jobhopper_api.telemetry import ApiMetrics
from jobhopper_api.writes.path import WritePath
from jobhopper_api.writes.revocation import Revocation
from jobhopper_core.leases.token import LeaseSigner
from jobhopper_core.model.ids import IdMaker


@dataclass(frozen=True, slots=True)
class Facts:
    """What this process is: `/v1/system` tells it."""

    version: str
    mode: Literal["normal", "embedded"]
    shards: int
    started_at: int
    # Without a key on loopback, a page in a browser could name this host by a name of its own.
    loopback_only: bool


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running API."""

    facts: Facts
    store: Store
    hub: Hub
    announcer: Announcer
    redis: RedisSide | None
    writes: WritePath
    revocation: Revocation
    # None without RabbitMQ.
    dead: DeadLetters | None
    claims: ClaimDesk
    queues: QueueRegistry
    gate: Gate
    health: Health
    outage: OutageWatch
    sight: Sight | None
    sampling: Sampling
    signer: LeaseSigner
    ids: IdMaker
    metrics: ApiMetrics
