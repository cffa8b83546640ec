"""Processes that are missing, not ready, or hang."""

from monitoring.model import Alert, Case, Group

_INFO = 'jobhopper_build_info{{namespace="jobs", pod="{}", component="{}", version="1"}}'
_PODS = {"api": 2, "consumer": 2, "refiller": 2}


def _running(component: str) -> str:
    return f'group by (namespace) (jobhopper_build_info{{component="{component}"}})'


def _gone(*components: str) -> dict[str, str | None]:
    return {
        _INFO.format(f"{component}-{n}", component): None
        for component in components
        for n in range(_PODS[component])
    }


def _missing(title: str, component: str, expected: str, meanwhile: str) -> Alert:
    one_left = _INFO.format(f"{component}-0", component)
    return Alert(
        name=f"Jobhopper{title}Missing",
        expr=f"{expected} unless on (namespace) {_running(component)}",
        lasts="2m",
        severity="critical",
        summary=f"No {component} runs.",
        description=meanwhile,
        fires=Case(_gone(component), {"namespace": "jobs"}),
        quiet=(Case({one_left: None}),),
    )


_RABBITMQ_CONFIGURED = 'group by (namespace) (jobhopper_store_up{store="rabbitmq"})'

PROCESSES = Group(
    "processes",
    (
        _missing("Api", "api", _running("refiller"), "Every request fails."),
        _missing(
            "Consumer",
            "consumer",
            _RABBITMQ_CONFIGURED,
            "What RabbitMQ takes is not applied; jobs created now are not handed out.",
        ),
        _missing(
            "Refiller",
            "refiller",
            _running("api"),
            "Hoppers run dry, scheduled jobs do not become due, leases do not expire.",
        ),
        Alert(
            name="JobhopperAbsent",
            # The pruner runs beside the others, and goes on when they are gone.
            expr='absent(jobhopper_build_info{component!="pruner"})',
            lasts="5m",
            severity="critical",
            summary="Prometheus scrapes no process of Jobhopper.",
            description="All are gone, or the scraping is broken: no other alert can fire.",
            fires=Case(_gone(*_PODS) | {_INFO.format("silence-0", "pruner"): "1x120"}, {}),
        ),
        Alert(
            name="JobhopperScrapeFails",
            expr='up{job="jobhopper"} == 0',
            lasts="5m",
            severity="warning",
            summary="{{ $labels.pod }} does not answer on its metrics port.",
            description="It starts, hangs, is overloaded, or a NetworkPolicy is in the way.",
            fires=Case(
                {'up{namespace="jobs", pod="api-0", job="jobhopper"}': "1 0x120"},
                {"namespace": "jobs", "pod": "api-0", "job": "jobhopper"},
                says="api-0 does not answer on its metrics port.",
            ),
        ),
        Alert(
            name="JobhopperNotReady",
            expr="min by (namespace, pod, instance) (jobhopper_ready) == 0",
            lasts="5m",
            severity="warning",
            summary="{{ $labels.pod }} has not been ready for 5 minutes.",
            description="Its /readyz says what it waits for: the database, the schema, RabbitMQ.",
            fires=Case(
                {'jobhopper_ready{namespace="jobs", pod="consumer-1"}': "0x120"},
                {"namespace": "jobs", "pod": "consumer-1"},
                says="consumer-1 has not been ready for 5 minutes.",
            ),
        ),
        Alert(
            name="JobhopperLoopStale",
            expr="max by (namespace, pod, instance, loop) (jobhopper_loop_age_seconds) > 30",
            lasts="1m",
            severity="warning",
            summary="The loop {{ $labels.loop }} of {{ $labels.pod }} has not turned for "
            "{{ $value | humanizeDuration }}.",
            description="The liveness probe ends the container; if it comes again, a turn hangs.",
            fires=Case(
                {
                    'jobhopper_loop_age_seconds{namespace="jobs", pod="refiller-0", '
                    'loop="promote"}': "0 31 90 150+60x120"
                },
                {"namespace": "jobs", "pod": "refiller-0", "loop": "promote"},
                says="The loop promote of refiller-0 has not turned for 29m 30s.",
            ),
        ),
    ),
)
