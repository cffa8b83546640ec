"""A world in which all is well: what Prometheus knows of an install that works."""

from collections.abc import Iterator

from monitoring.expressions import REQUESTS

MINUTES = 120
_PODS = [(f"{name}-{n}", name) for name in ("api", "consumer", "refiller") for n in (0, 1)]
_STEADY, _CLOCK = f"x{MINUTES}", f"0+60x{MINUTES}"


def world() -> dict[str, str]:
    """Series and their values, one a minute, in promtool's notation."""
    return {
        f'jobhopper_{name}{{namespace="jobs", pod="{pod}"{labels}}}'
        if name != "up"
        else f'up{{namespace="jobs", pod="{pod}"{labels}}}': values
        for pod, name, labels, values in _series()
    }


def _series() -> Iterator[tuple[str, str, str, str]]:
    for pod, component in _PODS:
        yield pod, "build_info", f', component="{component}", version="1"', f"1{_STEADY}"
        yield pod, "ready", "", f"1{_STEADY}"
        yield pod, "up", ', job="jobhopper"', f"1{_STEADY}"
    for n in (0, 1):
        yield from _api(f"api-{n}")
        yield from _refiller(f"refiller-{n}")
    yield from _consumer("consumer-0")


def _api(pod: str) -> Iterator[tuple[str, str, str, str]]:
    for store in ("mysql", "rabbitmq", "redis"):
        yield pod, "store_up", f', store="{store}"', f"1{_STEADY}"
    yield pod, "loop_age_seconds", ', loop="event-loop"', f"1{_STEADY}"
    yield pod, "jobs_created_total", ', queue="mail", receipt="rabbitmq"', f"0+60x{MINUTES}"
    yield pod, "jobs_claimed_total", ', queue="mail", path="mysql"', f"0+60x{MINUTES}"
    for route, method, status in (
        ("/v1/jobs", "POST", "202"),
        ("/v1/jobs/{id}", "PATCH", "202"),
        ("/v1/claims", "POST", "200"),
    ):
        labels = f', method="{method}", route="{route}", status="{status}"'
        yield pod, f"{REQUESTS}_count", labels, f"0+60x{MINUTES}"
        # Claims wait for work; that is no slowness.
        quick = 0 if route == "/v1/claims" else 60
        yield pod, f"{REQUESTS}_bucket", f'{labels}, le="1"', f"0+{quick}x{MINUTES}"
        yield pod, f"{REQUESTS}_bucket", f'{labels}, le="+Inf"', f"0+60x{MINUTES}"


def _consumer(pod: str) -> Iterator[tuple[str, str, str, str]]:
    yield pod, "shard_halted", ', shard="creates"', f"0{_STEADY}"
    for lane in ("creates", "updates"):
        for shard in (0, 1):
            at = f', lane="{lane}", shard="{shard}"'
            yield pod, "tick_applied_timestamp_seconds", at, _CLOCK
    yield pod, "leases_expired_total", ', queue="mail"', f"1{_STEADY}"


def _refiller(pod: str) -> Iterator[tuple[str, str, str, str]]:
    yield pod, "loop_age_seconds", ', loop="promote"', f"0{_STEADY}"
    yield pod, "tick_sent_timestamp_seconds", "", _CLOCK
    for lane in ("creates", "updates"):
        yield pod, "broker_messages", f', lane="{lane}", shard="0"', f"3{_STEADY}"
    yield pod, "audit_drift", ', check="accepted"', f"0{_STEADY}"
    yield pod, "audit_timestamp_seconds", "", _CLOCK
    yield pod, "hopper_cover_seconds", ', queue="mail"', f"480{_STEADY}"
    for name in ("dead_letters", "expiring_without_ticks", "last_partition_holds_rows"):
        yield pod, name, "", f"0{_STEADY}"
    yield pod, "silence_last_success_timestamp_seconds", "", f"60{_STEADY}"
    yield pod, "silenced_unfinished_jobs", "", f"0{_STEADY}"
    queue = ', queue="mail"'
    yield pod, "queue_jobs", f'{queue}, status="queued"', f"500{_STEADY}"
    yield pod, "queue_oldest_ready_age_seconds", queue, f"20{_STEADY}"
    yield pod, "queue_paused", queue, f"0{_STEADY}"
    yield pod, "hopper_jobs", queue, f"480{_STEADY}"
