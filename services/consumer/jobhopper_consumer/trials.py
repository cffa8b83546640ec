"""Tries of messages that came back: noted before, cleared with what they do, undone when spoilt.

Most consumers die of no message. So what came back is tried together once; what a consumer died
of, or along with, is tried alone.
"""

from functools import partial

from jobhopper_consumer.batch import Batch
from jobhopper_core.broker.names import Lane
from jobhopper_core.errors import JobhopperError, OutcomeUnknownError
from jobhopper_core.flows.apply_and_offer import Also
from jobhopper_core.store import suspects
from jobhopper_core.store.database import Database
from jobhopper_core.store.suspects import Suspect


class Trials:
    """Those of one lane. Beginning or clearing raises UnavailableError when MySQL can't serve."""

    def __init__(self, database: Database, lane: Lane) -> None:
        self._database = database
        self._lane = lane
        # Suspects whose try failed, but not by a death.
        self._survived: list[str] = []

    def begin_together(self, batch: Batch) -> bool:
        """Notes a try of all suspects; False, and nothing noted, if they are to be tried alone."""
        accuse = partial(suspects.accuse_together, messages=self._messages(batch))
        try:
            return self._database.write(accuse).result()
        except OutcomeUnknownError:
            # It may have been noted.
            self._survived += batch.names()
            raise

    def begin_alone(self, batch: Batch) -> bool:
        """Notes a try of the one suspect; False if too many consumers died of it."""
        accuse = partial(suspects.accuse, messages=self._messages(batch))
        return self._database.write(accuse).result() <= suspects.DEATHS_MAX

    def clearing(self, batch: Batch) -> Also:
        """What belongs into the transaction that applies a try."""
        return partial(suspects.clear, names=batch.names())

    def clear(self, batch: Batch) -> None:
        """Forgets suspects that are in the dead-letter queue."""
        self._database.write(self.clearing(batch)).result()

    def survive(self, batch: Batch) -> None:
        """A try failed, but nobody died of it: it is undone, now or by `forgive`."""
        self._survived += batch.names()
        self.forgive()

    def forgive(self) -> bool:
        """Undoes the tries that nobody died of; whether none is left."""
        try:
            if self._survived:
                undo = partial(suspects.forgive, names=self._survived)
                self._database.write(undo).result()
        except JobhopperError:
            return False
        self._survived = []
        return True

    def _messages(self, batch: Batch) -> list[Suspect]:
        lane = str(self._lane)
        return [Suspect(one.name, lane, one.shard) for one in batch.suspects]
