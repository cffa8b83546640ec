"""What every process says of itself."""

from prometheus_client import CollectorRegistry, generate_latest

from jobhopper_core.telemetry.process import ProcessCollector, tell_release


def exported(ages: dict[str, float], reasons: dict[str, str]) -> list[str]:
    registry = CollectorRegistry()
    registry.register(ProcessCollector(lambda: ages, lambda: reasons))
    return generate_latest(registry).decode().splitlines()


def test_a_process_says_whether_it_is_ready() -> None:
    assert "jobhopper_ready 1.0" in exported({}, {})
    assert "jobhopper_ready 0.0" in exported({}, {"mysql": "away"})


def test_a_process_says_when_its_loops_turned() -> None:
    lines = exported({"promote": 0.5, "ticks": 31.0}, {})
    assert 'jobhopper_loop_age_seconds{loop="promote"} 0.5' in lines
    assert 'jobhopper_loop_age_seconds{loop="ticks"} 31.0' in lines


def test_a_process_says_what_it_is() -> None:
    registry = CollectorRegistry()
    tell_release(registry, "refiller", "1.2.3")
    line = 'jobhopper_build_info{component="refiller",version="1.2.3"} 1.0'
    assert line in generate_latest(registry).decode().splitlines()
