"""Reads depths and ages for the metrics: from the counters and indexes, never by counting."""

from functools import partial

from jobhopper_core.model.limits import QUEUES_MAX
from jobhopper_core.model.states import STATUSES
from jobhopper_core.model.times import SECOND
from jobhopper_core.store import counts, look_up, partition_ahead, prune_runs, queues
from jobhopper_core.store.database import Database
from jobhopper_core.store.transaction import Transaction
from jobhopper_refiller.telemetry import RefillerMetrics

GAUGE_SECONDS = 5.0


class Gauges:
    """One turn reads everything once."""

    def __init__(self, database: Database, metrics: RefillerMetrics) -> None:
        self._database = database
        self._metrics = metrics

    def turn(self) -> bool:
        """Sets all gauges. Raises UnavailableError."""
        found = self._database.read(partial(queues.page, after="", limit=QUEUES_MAX)).result()
        known = [name for name, _ in found]
        for name, settings in found:
            self._metrics.paused.labels(self._metrics.label(name)).set(settings.paused)
        self._database.read(partial(self._set, known=known)).result()
        return False

    def _set(self, tx: Transaction, known: list[str]) -> None:
        now, metrics = tx.now(), self._metrics
        depths = counts.depths(tx, known)
        for queue in known:
            label = metrics.label(queue)
            for status in (*STATUSES, counts.SILENCED):
                metrics.jobs.labels(label, status).set(depths[queue].get(status, 0))
            since = look_up.oldest_ready(tx, queue)
            metrics.oldest.labels(label).set(0 if since is None else max(0, now - since) / SECOND)
        metrics.last_partition.set(partition_ahead.rows_in_last(tx))
        run = prune_runs.last_finished(tx)
        metrics.silenced_at.set((run.finished_at or 0) / SECOND if run is not None else 0)
        metrics.silenced_unfinished.set(run.unfinished if run is not None else 0)
