"""A fault: what is done to which part, when, and for how long."""

from typing import NamedTuple

STORES = ("mysql", "rabbitmq", "valkey")
SERVICES = ("api", "consumer", "refiller")

# What can be done to a store. The promise is for any one of them away, so these never overlap.
STORE_FAULTS = (
    *(("kill", store) for store in STORES),
    *(("freeze", store) for store in STORES),
    ("flush", "valkey"),
    ("restart", "rabbitmq"),
    ("fill", "rabbitmq"),
    ("read-only", "mysql"),
)
# What can be done to the network on the way to a store: packets vanish, are answered with a reset,
# or take 200 ms longer with every twentieth lost.
NETWORK_VERBS = ("black-hole", "refuse", "slow")
NETWORK_FAULTS = tuple((verb, store) for verb in NETWORK_VERBS for store in STORES)
# What can be done to a process, by the kind of its service.
PROCESS_FAULTS = tuple((verb, service) for verb in ("kill", "freeze") for service in SERVICES)


class Fault(NamedTuple):
    """`at` and `seconds` (how long it lasts) are from the run's start; a replica is `api.1`."""

    at: float
    verb: str
    target: str
    seconds: float

    @property
    def on_store(self) -> bool:
        """Whether it is done to a store; `fill` fills a queue of RabbitMQ's."""
        return self.target in STORES

    @property
    def on_network(self) -> bool:
        """Whether it is done to the way to a store."""
        return self.verb in NETWORK_VERBS

    @property
    def kind(self) -> tuple[str, str]:
        """What is done to what, whichever replica it is."""
        return self.verb, self.target.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.at:7.1f} s  {self.verb:<10}  {self.target:<10}  for {self.seconds:.1f} s"


class Inflicted(NamedTuple):
    """A fault as it was: when it began, and when its target served again (seconds of the run)."""

    fault: Fault
    began: float
    healed: float
