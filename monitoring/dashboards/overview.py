"""The first page: is all well, and how much goes through."""

from monitoring.expressions import REQUESTS, WAITING_ROUTES, quantile, rate, select, share, top
from monitoring.model import Dashboard, Panel, Query, Row

_COUNT = f"{REQUESTS}_count"
_SLOWEST = quantile(0.99, REQUESTS, WAITING_ROUTES)
_QUEUED = top("queue_jobs", 'status="queued"', by="queue")
_RUNNING = top("queue_jobs", 'status="running"', by="queue")
_OPEN = top("queue_jobs", 'status=~"scheduled|queued|running"', by="queue, status")

_NOW = Row(
    "Now",
    (
        Panel(
            "Stores",
            "1: every API reaches it.",
            (Query(f"min by (store) ({select('store_up')})", "{{store}}"),),
            unit="bool",
            kind="stat",
            width=6,
            red_from=1,
            low_is_bad=True,
        ),
        Panel(
            "Alerts",
            "Alerts of Jobhopper that fire.",
            (Query('count(ALERTS{alertname=~"Jobhopper.*", alertstate="firing"}) or vector(0)'),),
            kind="stat",
            width=3,
            red_from=1,
        ),
        Panel(
            "Dead letters",
            "Writes that the database refuses; each needs a look.",
            (Query(f"max({select('dead_letters')})"),),
            kind="stat",
            width=3,
            red_from=1,
        ),
        Panel(
            "Jobs waiting",
            "Jobs that are ready to be claimed.",
            (Query(f"sum({_QUEUED})"),),
            kind="stat",
            width=3,
        ),
        Panel(
            "Jobs running",
            "Jobs that workers hold.",
            (Query(f"sum({_RUNNING})"),),
            kind="stat",
            width=3,
        ),
        Panel(
            "Failed requests",
            "Share of requests answered with 5xx.",
            (Query(share(rate(_COUNT, 'status=~"5.."'), rate(_COUNT))),),
            unit="percentunit",
            kind="stat",
            width=3,
            red_from=0.01,
        ),
        Panel(
            "99th percentile",
            "How long all but one in a hundred requests take, those that wait for work left out.",
            (Query(_SLOWEST),),
            unit="s",
            kind="stat",
            width=3,
            red_from=1,
        ),
    ),
)
_FLOW = Row(
    "Flow",
    (
        Panel(
            "Jobs",
            "Jobs a second: created, handed out, ended.",
            (
                Query(rate("jobs_created_total"), "created"),
                Query(rate("jobs_claimed_total"), "claimed"),
                Query(rate("updates_total", 'status="succeeded"'), "succeeded"),
                Query(rate("updates_total", 'status="failed"'), "attempts failed"),
            ),
            unit="ops",
            width=12,
        ),
        Panel(
            "Jobs by status",
            "What is neither done nor given up.",
            (Query(f"sum by (status) ({_OPEN})", "{{status}}"),),
            width=12,
            stacked=True,
        ),
    ),
)
_REQUESTS = Row(
    "Requests",
    (
        Panel(
            "Requests by status",
            "Requests a second; 4xx are the callers' faults, 5xx ours or a store's.",
            (Query(rate(_COUNT, by="status"), "{{status}}"),),
            unit="reqps",
        ),
        Panel(
            "Requests by route",
            "Requests a second.",
            (Query(rate(_COUNT, by="method, route"), "{{method}} {{route}}"),),
            unit="reqps",
        ),
        Panel(
            "Duration",
            "Quantiles over all routes but those that wait for work or for a job's end.",
            (
                Query(quantile(0.5, REQUESTS, WAITING_ROUTES), "50 %"),
                Query(quantile(0.9, REQUESTS, WAITING_ROUTES), "90 %"),
                Query(_SLOWEST, "99 %"),
            ),
            unit="s",
        ),
    ),
)
_PROCESSES = Row(
    "Processes",
    (
        Panel(
            "Processes",
            "Processes that are scraped, by component and release.",
            (
                Query(
                    f"count by (component, version) ({select('build_info')})",
                    "{{component}} {{version}}",
                ),
            ),
        ),
        Panel(
            "Not ready",
            "Processes whose /readyz says no.",
            (Query(f"count({select('ready')} == 0) or vector(0)", "not ready"),),
        ),
        Panel(
            "Oldest loop",
            "How long ago the slowest loop of any process turned; at 30 s it is restarted.",
            (Query(f"max by (loop) ({select('loop_age_seconds')})", "{{loop}}"),),
            unit="s",
        ),
    ),
)

OVERVIEW = Dashboard(
    "overview",
    "Jobhopper: overview",
    "Is all well, and how much goes through?",
    (_NOW, _FLOW, _REQUESTS, _PROCESSES),
)
