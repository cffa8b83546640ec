"""Labels that can't grow without bound."""

_QUEUES_MAX = 500


class QueueLabel:
    """Gives the first 500 queues their own label, the others `other`."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __call__(self, queue: str) -> str:
        """The label of `queue`."""
        if queue in self._known:
            return queue
        if len(self._known) >= _QUEUES_MAX:
            return "other"
        self._known.add(queue)
        return queue
