"""Each queue: how deep, how old, how fast."""

from monitoring.expressions import rate, select, top
from monitoring.model import Dashboard, Panel, Query, Row

_QUEUE = 'queue=~"$queue"'
_BY = "queue"


def _jobs(status: str) -> str:
    return top("queue_jobs", _QUEUE, f'status="{status}"', by=_BY)


_TABLE = Panel(
    "Queues",
    "What stands where.",
    (
        Query(_jobs("queued"), "queued"),
        Query(_jobs("scheduled"), "scheduled"),
        Query(_jobs("running"), "running"),
        Query(_jobs("failed"), "failed"),
        Query(top("queue_oldest_ready_age_seconds", _QUEUE, by=_BY), "oldest ready (s)"),
        Query(top("hopper_jobs", _QUEUE, by=_BY), "in the hopper"),
        Query(top("queue_paused", _QUEUE, by=_BY), "paused"),
    ),
    kind="table",
    width=24,
)
_DEPTH = (
    Panel(
        "Ready",
        "Jobs that could be claimed now.",
        (Query(_jobs("queued"), "{{queue}}"),),
    ),
    Panel(
        "Oldest ready job",
        "How long it has been waiting. It grows when workers are too few.",
        (Query(top("queue_oldest_ready_age_seconds", _QUEUE, by=_BY), "{{queue}}"),),
        unit="s",
    ),
    Panel(
        "Scheduled",
        "Jobs whose time is to come, first tries and further ones.",
        (Query(_jobs("scheduled"), "{{queue}}"),),
    ),
    Panel(
        "Running",
        "Jobs that workers hold.",
        (Query(_jobs("running"), "{{queue}}"),),
    ),
    Panel(
        "Failed for good",
        "Jobs without tries left; an operator may redrive them.",
        (Query(_jobs("failed"), "{{queue}}"),),
    ),
    Panel(
        "Silenced",
        "Jobs put aside; they can be brought back.",
        (Query(_jobs("silenced"), "{{queue}}"),),
    ),
)
_SPEED = (
    Panel(
        "Created",
        "Jobs a second.",
        (Query(rate("jobs_created_total", _QUEUE, by=_BY), "{{queue}}"),),
        unit="ops",
    ),
    Panel(
        "Claimed",
        "Jobs a second.",
        (Query(rate("jobs_claimed_total", _QUEUE, by=_BY), "{{queue}}"),),
        unit="ops",
    ),
    Panel(
        "Ended",
        "Attempts a second that succeeded or failed.",
        (
            Query(
                rate("updates_total", _QUEUE, 'status=~"succeeded|failed"', by="queue, status"),
                "{{queue}} {{status}}",
            ),
        ),
        unit="ops",
    ),
    Panel(
        "Jobs in the hopper",
        "Capacity 1,000 a queue; empty while jobs are ready: the refiller is behind.",
        (Query(top("hopper_jobs", _QUEUE, by=_BY), "{{queue}}"),),
    ),
    Panel(
        "Paused",
        "1 while nothing is handed out.",
        (Query(f"{top('queue_paused', _QUEUE, by=_BY)} == 1", "{{queue}}"),),
        unit="bool",
        empty="it lists paused queues alone",
    ),
    Panel(
        "Queues",
        "How many there are; 1,000 at most. The first 500 have series of their own.",
        (Query(f"count(group by (queue) ({select('queue_jobs')}))", "queues"),),
    ),
)

QUEUES = Dashboard(
    "queues",
    "Jobhopper: queues",
    "Each queue: how deep, how old, how fast.",
    (Row("Now", (_TABLE,)), Row("Depth", _DEPTH), Row("Speed", _SPEED)),
    by_queue=True,
)
