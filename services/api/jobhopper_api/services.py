"""What the routes work with; made once per process and handed to the app."""

from dataclasses import dataclass
from typing import Literal

from jobhopper_api.bridge import Store
from jobhopper_api.claims.desk import ClaimDesk
from jobhopper_api.health import StoreHealth
from jobhopper_api.http.identity import Gate
from jobhopper_api.hub import Hub
from jobhopper_api.queue_registry import QueueRegistry
from jobhopper_api.telemetry import ApiMetrics
from jobhopper_api.writes.straight import StraightPath
from jobhopper_core.leases.token import LeaseSigner
from jobhopper_core.model.ids import IdMaker


@dataclass(frozen=True, slots=True)
class Facts:
    """What this process is: `/v1/system` tells it."""

    version: str
    mode: Literal["normal", "embedded"]
    store: str
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
    writes: StraightPath
    claims: ClaimDesk
    queues: QueueRegistry
    gate: Gate
    health: StoreHealth
    signer: LeaseSigner
    ids: IdMaker
    metrics: ApiMetrics
