"""The workers, seen from the queue: whether there are any, are in time, and succeed."""

from monitoring.expressions import REQUESTS, quantile, rate, select, share, top
from monitoring.model import Dashboard, Panel, Query, Row

_QUEUE = 'queue=~"$queue"'
_ENDED = rate("updates_total", _QUEUE, 'status=~"succeeded|failed"', by="queue")
_FAILED = rate("updates_total", _QUEUE, 'status="failed"', by="queue")
_CLAIMED = rate("jobs_claimed_total", _QUEUE, by="queue")
_EXPIRED = rate("leases_expired_total", _QUEUE, by="queue")
_PATCH = ('method="PATCH"', 'route="/v1/jobs/{id}"')

_DEMAND = Row(
    "Claims",
    (
        Panel(
            "Claims waiting",
            "Long polls that wait for work: idle workers. None while jobs wait: too few workers.",
            (Query(f"sum({select('claims_waiting')})", "waiting"),),
        ),
        Panel(
            "Jobs handed out",
            "Jobs a second.",
            (Query(_CLAIMED, "{{queue}}"),),
            unit="ops",
        ),
        Panel(
            "Jobs held",
            "Jobs that workers hold.",
            (Query(top("queue_jobs", _QUEUE, 'status="running"', by="queue"), "{{queue}}"),),
        ),
    ),
)
_UPDATES = Row(
    "Updates",
    (
        Panel(
            "Updates by status",
            "Updates a second that were accepted; heartbeats set no status.",
            (Query(rate("updates_total", _QUEUE, by="status"), "{{status}}"),),
            unit="ops",
        ),
        Panel(
            "Failed attempts",
            "Share of attempts that ended in failure.",
            (Query(share(_FAILED, _ENDED), "{{queue}}"),),
            unit="percentunit",
        ),
        Panel(
            "Refused updates",
            "Worker updates a second that were answered with 409: too late, or cancelled.",
            (
                Query(
                    rate(f"{REQUESTS}_count", *_PATCH, 'status="409"'),
                    "409",
                ),
            ),
            unit="ops",
            empty="none is refused while every worker is in time",
        ),
    ),
)
_TIME = Row(
    "In time?",
    (
        Panel(
            "Leases that ran out",
            "Workers that were not heard of in time, a second.",
            (Query(_EXPIRED, "{{queue}}"),),
            unit="ops",
            empty="a series begins with a queue's first lease that runs out",
        ),
        Panel(
            "Share of claims that ran out",
            "Above a few percent: leases too short, or workers that die.",
            (Query(share(_EXPIRED, _CLAIMED), "{{queue}}"),),
            unit="percentunit",
        ),
        Panel(
            "Duration of an update",
            "PATCH /v1/jobs/{id}.",
            (
                Query(quantile(0.5, REQUESTS, *_PATCH), "50 %"),
                Query(quantile(0.99, REQUESTS, *_PATCH), "99 %"),
            ),
            unit="s",
        ),
    ),
)

WORKERS = Dashboard(
    "workers",
    "Jobhopper: workers",
    "Are there workers, are they in time, do they fail?",
    (_DEMAND, _UPDATES, _TIME),
    by_queue=True,
)
