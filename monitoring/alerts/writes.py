"""From RabbitMQ to MySQL: ticks, lag, backlog, dead letters."""

from monitoring.model import Alert, Case, Group

_SENT = 'jobhopper_tick_sent_timestamp_seconds{{namespace="jobs", pod="refiller-{}"}}'
_APPLIED = (
    'jobhopper_tick_applied_timestamp_seconds{namespace="jobs", pod="consumer-0", '
    'lane="updates", shard="1"}'
)
_MESSAGES = (
    'jobhopper_broker_messages{namespace="jobs", pod="refiller-0", lane="creates", shard="0"}'
)
_CREATED = 'jobhopper_jobs_created_total{{namespace="jobs", pod="api-0", queue="mail", {}}}'
_STORE_UP = 'jobhopper_store_up{namespace="jobs", pod="api-0", store="rabbitmq"}'
_BYTES = 'rabbitmq_detailed_queue_messages_bytes{namespace="jobs", queue="jobhopper.updates.2"}'
_NOBODY_SENDS: dict[str, str | None] = {_SENT.format(n): "0+60x5 300x120" for n in (0, 1)}
_BY_SHARD = {"namespace": "jobs", "lane": "updates", "shard": "1"}

# Seconds since the newest tick was sent. 0 is what a refiller without RabbitMQ exports.
_SENT_AGO = "time() - max by (namespace) (jobhopper_tick_sent_timestamp_seconds > 0)"
_APPLIED_AGO = "time() - max by (namespace, lane, shard) (jobhopper_tick_applied_timestamp_seconds)"
_STRAIGHT = 'sum by (namespace) (rate(jobhopper_jobs_created_total{receipt="mysql"}[5m]))'
_CREATES = "sum by (namespace) (rate(jobhopper_jobs_created_total[5m]))"
_RABBITMQ_UP = 'min by (namespace) (jobhopper_store_up{store="rabbitmq"}) == 1'
# The chart's `rabbitmq.queueMaxBytes`; its template puts another value here.
QUEUE_MAX_BYTES = 536870912
_GROWTH = "max by (namespace, lane, shard) (deriv(jobhopper_broker_messages[10m]))"

WRITES = Group(
    "writes",
    (
        Alert(
            name="JobhopperTicksMissing",
            expr=f"{_SENT_AGO} > 60",
            lasts="1m",
            severity="warning",
            summary="No tick has been sent for {{ $value | humanizeDuration }}.",
            description="Without ticks no lease expires: jobs of workers that died stay running.",
            fires=Case(
                _NOBODY_SENDS,
                {"namespace": "jobs"},
                says="No tick has been sent for 25m 0s.",
            ),
            quiet=(
                Case({_SENT.format(0): "0+60x5 300x120"}),
                Case({_SENT.format(n): "0x120" for n in (0, 1)}),
            ),
        ),
        Alert(
            name="JobhopperConsumerBehind",
            expr=f"{_APPLIED_AGO} > 60 and on (namespace) {_SENT_AGO} < 60",
            lasts="2m",
            severity="warning",
            summary="{{ $labels.lane }} of shard {{ $labels.shard }} are "
            "{{ $value | humanizeDuration }} behind.",
            description="What RabbitMQ has taken reaches MySQL late or not at all.",
            fires=Case(
                {_APPLIED: "0+60x5 300x120"},
                _BY_SHARD,
                says="updates of shard 1 are 25m 0s behind.",
            ),
            quiet=(
                # Nobody sends ticks: that is another alert's matter.
                Case({_APPLIED: "0+60x5 300x120"} | _NOBODY_SENDS),
            ),
        ),
        Alert(
            name="JobhopperBrokerBacklog",
            expr="max by (namespace, lane, shard) (jobhopper_broker_messages) > 1000 "
            f"and {_GROWTH} > 0",
            lasts="10m",
            severity="warning",
            summary="{{ $value }} messages wait in {{ $labels.lane }} of shard "
            "{{ $labels.shard }}, and they grow in number.",
            description="More comes in than the consumers apply, or they stand still.",
            fires=Case(
                {_MESSAGES: "0+200x120"},
                {"namespace": "jobs", "lane": "creates", "shard": "0"},
                says="6000 messages wait in creates of shard 0, and they grow in number.",
            ),
            quiet=(Case({_MESSAGES: "50000-100x120"}),),
        ),
        Alert(
            name="JobhopperBrokerQueueNearLimit",
            # RabbitMQ's own metric, from the second PodMonitor: AMQP tells no bytes.
            expr="max by (namespace, queue) "
            '(rabbitmq_detailed_queue_messages_bytes{queue=~"jobhopper[.].*"}) '
            f"> 0.8 * {QUEUE_MAX_BYTES}",
            lasts="1m",
            severity="critical",
            summary="{{ $labels.queue }} holds {{ $value | humanize1024 }}B, "
            "four fifths of what it may.",
            description="When it is full, RabbitMQ refuses and writes go straight to MySQL; "
            "while MySQL is away, they are refused with 503.",
            fires=Case(
                {_BYTES: f"0+{QUEUE_MAX_BYTES // 30}x120"},
                {"namespace": "jobs", "queue": "jobhopper.updates.2"},
                says="jobhopper.updates.2 holds 512MiB, four fifths of what it may.",
            ),
            quiet=(Case({_BYTES: f"{QUEUE_MAX_BYTES // 10 * 7}x120"}),),
        ),
        Alert(
            name="JobhopperBrokerRefusesWrites",
            expr=f"{_STRAIGHT} / {_CREATES} > 0.05 and on (namespace) {_RABBITMQ_UP}",
            lasts="5m",
            severity="warning",
            summary="RabbitMQ is there, but {{ $value | humanizePercentage }} of the jobs went "
            "round it.",
            description="It does not confirm in time: a queue is full, its disk or memory short, "
            "or it is overloaded.",
            fires=Case(
                {_CREATED.format('receipt="mysql"'): "0+60x120"},
                {"namespace": "jobs"},
                says="RabbitMQ is there, but 33.33% of the jobs went round it.",
            ),
            quiet=(
                Case(
                    {
                        _CREATED.format('receipt="mysql"'): "0+60x120",
                        _STORE_UP: "0x120",
                    }
                ),
            ),
        ),
        Alert(
            name="JobhopperDeadLetters",
            expr="max by (namespace) (jobhopper_dead_letters) > 0",
            lasts="1m",
            severity="warning",
            summary="Writes in the dead-letter queue: {{ $value }}.",
            description="The database refused them, although somebody was told that they are safe.",
            fires=Case(
                {'jobhopper_dead_letters{namespace="jobs", pod="refiller-1"}': "0 0 1x120"},
                {"namespace": "jobs"},
                says="Writes in the dead-letter queue: 1.",
            ),
        ),
        Alert(
            name="JobhopperShardHalted",
            expr="max by (namespace, shard) (max_over_time(jobhopper_shard_halted[5m])) == 1",
            lasts="0m",
            severity="critical",
            summary="The consumer of {{ $labels.shard }} stops again and again.",
            description="More than ten writes a minute are refused by the database, so nothing of "
            "this lane is applied for up to a minute at a time.",
            fires=Case(
                {
                    'jobhopper_shard_halted{namespace="jobs", pod="consumer-0", shard="creates"}': (
                        "0x27 1 0x120"
                    )
                },
                {"namespace": "jobs", "shard": "creates"},
                says="The consumer of creates stops again and again.",
            ),
        ),
        Alert(
            name="JobhopperExpiringWithoutTicks",
            expr="max by (namespace) (jobhopper_expiring_without_ticks) == 1",
            lasts="0m",
            severity="critical",
            summary="Leases expire although no tick could be sent for 15 minutes.",
            description="A worker's update that waits in RabbitMQ may come too late: its job may "
            "be handed out once more.",
            fires=Case(
                {'jobhopper_expiring_without_ticks{namespace="jobs", pod="refiller-0"}': "0 1x120"},
                {"namespace": "jobs"},
            ),
        ),
    ),
)
