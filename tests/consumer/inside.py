"""The consumer's own classes in the test's process, put together as its `main` does."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from jobhopper_consumer.amqp import Amqp, Port
from jobhopper_consumer.inbox import Inbox
from jobhopper_consumer.telemetry import ConsumerMetrics
from jobhopper_consumer.worker import Worker
from jobhopper_core.broker.ladder import rank
from jobhopper_core.broker.names import Lane
from jobhopper_core.flows.apply_and_offer import ApplyAndOffer
from jobhopper_core.hopper.names import Names
from jobhopper_core.store.database import Database
from jobhopper_core.telemetry.probes import Pulse

from .broker import SHARDS


class Inside:
    """A consumer without Redis; `lanes` that have no worker stay in their inbox."""

    def __init__(
        self, rabbitmq: str, database: Database, replica: int = 0, lanes: Sequence[Lane] = ()
    ) -> None:
        self.registry, self.pulse = CollectorRegistry(), Pulse()
        self.inboxes = {lane: Inbox(lane) for lane in Lane}
        self.ports = {
            lane: [Port(inbox, shard, rank(SHARDS, replica, shard)) for shard in range(SHARDS)]
            for lane, inbox in self.inboxes.items()
        }
        every = [port for ports in self.ports.values() for port in ports]
        self.amqp = Amqp(rabbitmq, every, SHARDS, self.pulse)
        flow = ApplyAndOffer(database, None, Names(), SHARDS)
        metrics = ConsumerMetrics(self.registry)
        self.workers = {
            lane: Worker(inbox, self.ports[lane], self.amqp, database, flow, metrics, self.pulse)
            for lane, inbox in self.inboxes.items()
        }
        self._started = [self.workers[lane] for lane in lanes]

    def start(self) -> None:
        self.amqp.start()
        for worker in self._started:
            worker.start()

    def stop(self) -> None:
        for worker in self._started:
            worker.stop()
        self.amqp.stop()

    def metric(self, name: str, **labels: str) -> float:
        """A sample's value; 0 before it was first counted."""
        return self.registry.get_sample_value(name, labels) or 0.0
