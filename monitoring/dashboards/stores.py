"""Which store is down, which way writes and claims go meanwhile, and what piles up."""

from monitoring.expressions import HERE, quantile, rate, select, top
from monitoring.model import Dashboard, Panel, Query, Row

_SENT = f"time() - max({select('tick_sent_timestamp_seconds')} > 0)"
_APPLIED = f"time() - {top('tick_applied_timestamp_seconds', by='lane, shard')}"
# The replica that lost a shard still tells the last lag that it saw there; who has applied the
# newest tick holds it.
_AT = select("tick_applied_timestamp_seconds")
_HOLDS = (
    f"({_AT} == on (namespace, lane, shard) group_left () max by (namespace, lane, shard) ({_AT}))"
)
_LAG = f"max by (lane, shard) ({select('consumer_lag_seconds')} and {_HOLDS})"
_COVER = (
    f"{top('hopper_jobs', by='queue')}"
    f" / (sum by (queue) (rate(jobhopper_jobs_claimed_total{{{HERE}}}[5m])) > 0)"
)

_STORES = Row(
    "Stores",
    (
        Panel(
            "Up",
            "1: every API reaches it; 0: at least one does not.",
            (Query(f"min by (store) ({select('store_up')})", "{{store}}"),),
            unit="bool",
        ),
        Panel(
            "Creates by receipt",
            "Where jobs were durable when answered: rabbitmq is normal where it is configured.",
            (Query(rate("jobs_created_total", by="receipt"), "{{receipt}}"),),
            unit="ops",
            stacked=True,
        ),
        Panel(
            "Updates by receipt",
            "Where workers' updates were durable when answered.",
            (Query(rate("updates_total", by="receipt"), "{{receipt}}"),),
            unit="ops",
            stacked=True,
        ),
    ),
)
_WRITES = Row(
    "From RabbitMQ to MySQL",
    (
        Panel(
            "Lag",
            "How long the newest tick took from its making to the database.",
            (Query(_LAG, "{{lane}} {{shard}}"),),
            unit="s",
        ),
        Panel(
            "Age of the newest applied tick",
            "All that was accepted before it is applied. It grows while a shard stands still.",
            (Query(_APPLIED, "{{lane}} {{shard}}"), Query(_SENT, "sent")),
            unit="s",
        ),
        Panel(
            "Messages waiting in RabbitMQ",
            "Envelopes and ticks that no consumer has taken yet.",
            (Query(top("broker_messages", by="lane, shard"), "{{lane}} {{shard}}"),),
        ),
        Panel(
            "Writes applied",
            "Writes a second.",
            (Query(rate("writes_applied_total", by="lane"), "{{lane}}"),),
            unit="ops",
        ),
        Panel(
            "Duration of a batch",
            "The transaction that applies what was taken together.",
            (
                Query(quantile(0.5, "apply_duration_seconds", by="lane"), "{{lane}} 50 %"),
                Query(quantile(0.99, "apply_duration_seconds", by="lane"), "{{lane}} 99 %"),
            ),
            unit="s",
        ),
        Panel(
            "Writes that no longer applied",
            "By reason; some are normal after a retry or a lease that ran out.",
            (Query(rate("writes_skipped_total", by="reason"), "{{reason}}"),),
            unit="ops",
            empty="nothing is skipped while every worker is in time",
        ),
    ),
)
_TROUBLE = Row(
    "What needs a hand",
    (
        Panel(
            "Dead letters",
            "Writes that the database refused: in the queue, and a second.",
            (
                Query(f"max({select('dead_letters')})", "waiting"),
                Query(rate("dead_letters_sent_total", by="lane"), "{{lane}} a second"),
            ),
        ),
        Panel(
            "Halted",
            "1 while a lane is stopped because of too many dead letters.",
            (Query(top("shard_halted", by="shard"), "{{shard}}"),),
            unit="bool",
        ),
        Panel(
            "Leases expire without ticks",
            "1 while the refiller ends leases itself: no tick could be sent for 15 minutes.",
            (Query(f"max({select('expiring_without_ticks')})", "expiring"),),
            unit="bool",
        ),
    ),
)
_HOPPER = Row(
    "Hopper",
    (
        Panel(
            "Jobs in the hopper",
            "Ready to be handed out without a question to MySQL.",
            (Query(top("hopper_jobs", by="queue"), "{{queue}}"),),
        ),
        Panel(
            "Cover",
            "How long the hopper lasts at the rate of the last 5 minutes, should MySQL be away.",
            (Query(_COVER, "{{queue}}"),),
            unit="s",
        ),
        Panel(
            "Last silencing",
            "How long ago; it runs monthly.",
            (
                Query(
                    f"time() - max({select('silence_last_success_timestamp_seconds')} > 0)", "age"
                ),
            ),
            unit="s",
            empty="there is nothing before the first silencing",
        ),
    ),
)

STORES = Dashboard(
    "stores",
    "Jobhopper: stores and degradation",
    "Which store is down, which way the writes go meanwhile, and what piles up.",
    (_STORES, _WRITES, _TROUBLE, _HOPPER),
)
