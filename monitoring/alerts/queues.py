"""Queues that wait, and leases that run out."""

from monitoring.model import Alert, Case, Group

_MAIL = 'namespace="jobs", pod="{}-0", queue="mail"'
_OLDEST = f"jobhopper_queue_oldest_ready_age_seconds{{{_MAIL.format('refiller')}}}"
_PAUSED_MAIL = f"jobhopper_queue_paused{{{_MAIL.format('refiller')}}}"
_HOPPER = 'jobhopper_hopper_jobs{{namespace="jobs", pod="refiller-{}", queue="mail"}}'
_DRY: dict[str, str | None] = {_HOPPER.format(n): "0x120" for n in (0, 1)}
_EXPIRED = f"jobhopper_leases_expired_total{{{_MAIL.format('consumer')}}}"
_CLAIMED = (
    'jobhopper_jobs_claimed_total{{namespace="jobs", pod="api-{}", queue="mail", path="mysql"}}'
)
_NO_CLAIMS: dict[str, str | None] = {_CLAIMED.format(n): "5x120" for n in (0, 1)}
_ONE_QUEUE = {"namespace": "jobs", "queue": "mail"}

_BY = "by (namespace, queue)"
_ON = "on (namespace, queue)"
_WAITED = f"max {_BY} (jobhopper_queue_oldest_ready_age_seconds)"
_NOT_PAUSED = f"unless {_ON} (max {_BY} (jobhopper_queue_paused) == 1)"
_CLAIMS = f"sum {_BY} (increase(jobhopper_jobs_claimed_total[15m])) > 0"

QUEUES = Group(
    "queues",
    (
        Alert(
            name="JobhopperQueueWithoutWorkers",
            expr=f"{_WAITED} > 900 {_NOT_PAUSED} unless {_ON} ({_CLAIMS})",
            lasts="5m",
            severity="warning",
            summary="A job of {{ $labels.queue }} has been waiting for "
            "{{ $value | humanizeDuration }}, and nobody claims.",
            description="No worker asks for this queue.",
            fires=Case(
                {_OLDEST: "0+60x120"} | _NO_CLAIMS,
                _ONE_QUEUE,
                says="A job of mail has been waiting for 30m 0s, and nobody claims.",
            ),
            quiet=(
                Case({_OLDEST: "0+60x120"}),
                Case({_OLDEST: "0+60x120", _PAUSED_MAIL: "1x120"} | _NO_CLAIMS),
            ),
        ),
        Alert(
            name="JobhopperQueueBehind",
            expr=f"{_WAITED} > 3600 {_NOT_PAUSED} "
            f"and {_ON} max {_BY} (deriv(jobhopper_queue_oldest_ready_age_seconds[15m])) > 0",
            lasts="15m",
            severity="warning",
            summary="The oldest ready job of {{ $labels.queue }} has been waiting for "
            "{{ $value | humanizeDuration }}, and it gets worse.",
            description="The workers are too few or too slow, or jobs of a better priority "
            "take all their time.",
            fires=Case(
                {_OLDEST: "0+60x120"},
                _ONE_QUEUE,
                at="100m",
                says="The oldest ready job of mail has been waiting for 1h 40m 0s, "
                "and it gets worse.",
            ),
            quiet=(
                Case({_OLDEST: "9000-30x120"}, at="100m"),
                Case({_OLDEST: "0+60x120", _PAUSED_MAIL: "1x120"}, at="100m"),
            ),
        ),
        Alert(
            name="JobhopperHopperDry",
            expr=f"max {_BY} (jobhopper_hopper_jobs) == 0 "
            f'and {_ON} max {_BY} (jobhopper_queue_jobs{{status="queued"}}) > 0 {_NOT_PAUSED} '
            # A Redis that is full is there for whoever asks, and away for whoever writes.
            "unless on (namespace) (max by (namespace) "
            '(max_over_time(jobhopper_store_up{store="redis"}[1m])) == 0)',
            lasts="5m",
            severity="warning",
            summary="The hopper of {{ $labels.queue }} is empty although jobs are ready.",
            description="Claims go to MySQL, slower, and an outage of MySQL would find nothing "
            "to hand out.",
            fires=Case(
                _DRY,
                _ONE_QUEUE,
                says="The hopper of mail is empty although jobs are ready.",
            ),
            quiet=(
                Case(
                    _DRY
                    | dict.fromkeys(
                        (
                            'jobhopper_store_up{namespace="jobs", pod="api-0", store="redis"}',
                            'jobhopper_store_up{namespace="jobs", pod="api-1", store="redis"}',
                        ),
                        "0x120",
                    )
                ),
            ),
        ),
        Alert(
            name="JobhopperLeasesExpire",
            expr=f"sum {_BY} (rate(jobhopper_leases_expired_total[10m])) "
            f"> 0.05 * sum {_BY} (rate(jobhopper_jobs_claimed_total[10m]))",
            lasts="10m",
            severity="warning",
            summary="More than one in twenty claims of {{ $labels.queue }} runs out.",
            description="Workers die, hang, or take longer than their lease without a heartbeat.",
            fires=Case(
                {_EXPIRED: "0+10x120"},
                _ONE_QUEUE,
                at="60m",
                says="More than one in twenty claims of mail runs out.",
            ),
            quiet=(Case({_EXPIRED: "0+5x120"}, at="60m"),),
        ),
    ),
)
