"""The keys and channels that stand in Redis; others may depend on them."""

from typing import NamedTuple

# The offers' channels of all queues, as a pattern to subscribe to.
OFFERS_PATTERN_TAIL = "}:offers"


class Names(NamedTuple):
    """All names, behind a prefix that lets several installs share a Redis."""

    prefix: str = "jh"

    def of_queue(self, queue: str) -> list[str]:
        """The keys of a queue in the order of `hopper.lua`; the tag keeps them in one slot."""
        tag = f"{self.prefix}:{{{queue}}}"
        names = ("ready", "jobs", "horizon", "taken", "settings", "refill", "offers", "gone")
        return [f"{tag}:{name}" for name in names]

    def offers(self, queue: str) -> str:
        """The channel on which a queue tells of new work."""
        return f"{self.prefix}:{{{queue}}}:offers"

    def settings(self, queue: str) -> str:
        """The hash of a queue's settings that the hopper obeys."""
        return f"{self.prefix}:{{{queue}}}:settings"

    def offers_pattern(self) -> str:
        """The channels on which queues tell of new work."""
        return f"{self.prefix}:{{*}}:offers"

    def queue_of_channel(self, channel: str) -> str:
        """The queue whose offers' channel this is."""
        return channel[len(self.prefix) + 2 : -len(OFFERS_PATTERN_TAIL)]

    def revoked(self, job_id: str) -> str:
        """Set for the rest of a lease whose claim an operator ended."""
        return f"{self.prefix}:revoked:{job_id}"

    def plain(self, name: str) -> str:
        """A key or channel of the whole install: meta, keys, offset, finished, refill and so on."""
        return f"{self.prefix}:{name}"
