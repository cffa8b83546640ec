"""`GET /v1/system`, the probes and the metrics."""

import re

from .caller import Api
from .server import Server
from .steps import claim, create_many, now, seconds, update


def test_the_system_tells_what_it_is(server: Server, api: Api) -> None:
    view = api.get("/v1/system").json
    since = view["stores"]["sqlite"]["since"]
    assert view == {
        "version": view["version"],
        "mode": "embedded",
        "started_at": view["started_at"],
        "time": view["time"],
        "shards": 4,
        "stores": {"sqlite": {"up": True, "since": since, "breaker": "closed"}},
        "outage": {"phase": "none", "since": None, "replicas": 0, "reaching": 0},
    }
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", view["version"])
    assert view["started_at"] <= since <= view["time"]
    assert abs(seconds(view["time"]) - now()) < 1


def test_the_probes_say_that_it_lives_and_is_ready(api: Api) -> None:
    assert api.get("/livez").json == {"live": True}
    assert api.get("/readyz").json == {"ready": True, "stores": {"sqlite": "up"}}


def value(api: Api, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", api.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_metrics_count_what_was_done(api: Api, queue: str) -> None:
    done = {
        f'jobhopper_jobs_created_total{{queue="{queue}",receipt="mysql"}}': 3,
        f'jobhopper_jobs_claimed_total{{path="mysql",queue="{queue}"}}': 2,
        f'jobhopper_updates_total{{queue="{queue}",receipt="mysql",status="succeeded"}}': 1,
        f'jobhopper_updates_total{{queue="{queue}",receipt="mysql",status="heartbeat"}}': 1,
        'jobhopper_writes_skipped_total{reason="not_running"}': 1,
        'jobhopper_http_request_duration_seconds_count{method="POST",route="/v1/claims",'
        'status="200"}': 1,
    }
    before = {name: value(api, name) for name in done}
    create_many(api, queue, 3)
    one, other = claim(api, queue, max=2)
    update(api, one, status="succeeded")
    update(api, one, status="succeeded")
    update(api, one, status="failed")
    update(api, other, extend=60)
    assert {name: value(api, name) - before[name] for name in done} == done
    assert value(api, 'jobhopper_store_up{store="sqlite"}') == 1
    assert value(api, f'jobhopper_build_info{{component="api",version="{version(api)}"}}') == 1


def version(api: Api) -> str:
    return str(api.get("/v1/system").json["version"])


def test_metrics_do_not_grow_with_what_callers_make_up(api: Api) -> None:
    for i in range(50):
        api.get(f"/nowhere/{i}")
        api.call("PUT", f"/v1/queues/made-up-{i}")
        api.get(f"/v1/queues/made-up-{i}")
    assert "made-up" not in api.get("/metrics").text
    assert "/nowhere" not in api.get("/metrics").text
