"""A release from its first install to its reinstall, in this order, under load where it matters."""

import json
import re
import sys
from collections import Counter
from typing import Any

import pytest

from .cluster import wait_for
from .commands import ROOT, SCRIPTS, FailedError, run
from .load import Load, Prober
from .release import NAME, Release

_JOBHOPPER = ROOT / ".venv" / "bin" / "jobhopper"
_SERVICES = ("api", "consumer", "refiller")
_TARGETS = (*_SERVICES, "migrator", "pruner", "client")
# An id begins with its time: these are of last year.
_OLD = (
    "UPDATE jobs SET id = INSERT(id, 1, 2, x'0199'), updated_at = 1, run_at = 1 "
    "WHERE queue = 'stale'"
)


def test_helm_install_gives_a_working_queue(release: Release) -> None:
    """Run with `-s` to see how long it took; the bound is for a machine that does much else."""
    sys.stdout.write(f"helm install to helm test passed: {release.took:.0f} s\n")
    assert release.took < 240
    release.await_ready()
    assert "Succeeded" in release.test()


def test_the_demo_runs_through_the_published_port(release: Release) -> None:
    said = run(_JOBHOPPER, "demo", "--url", release.url, seconds=300, JOBHOPPER_KEY=release.key)
    assert "jobs/s" in said, said


def test_secrets_stand_in_no_manifest_but_their_own(release: Release) -> None:
    text = release.cluster.run("helm", "get", "manifest", NAME, "--namespace", release.namespace)
    for manifest in text.split("\n---\n"):
        if "\nkind: Secret" not in manifest:
            assert release.key not in manifest


def test_an_upgrade_keeps_the_secrets_and_replaces_nothing(release: Release) -> None:
    key, pods = release.key, {pod.metadata.uid for pod in release.pods()}
    release.install()
    assert release.key == key
    assert {pod.metadata.uid for pod in release.pods()} == pods


def test_three_consumers_share_the_shards(release: Release) -> None:
    release.install("consumer.replicas=3")
    release.await_ready()
    for lane in ("creates", "updates"):
        wait_for(lambda lane=lane: _shares(release, lane) == [1, 1, 2], 30, f"{lane}: uneven")  # type: ignore[misc]


def _shares(release: Release, lane: str) -> list[int]:
    """How many shards of a lane each consumer holds, fewest first."""
    hosts = {
        one["pid"]: str(one["peer_host"]) for one in _list(release, "connections", "peer_host")
    }
    channels = {
        one["pid"]: hosts.get(one["connection"]) for one in _list(release, "channels", "connection")
    }
    ctl = ("rabbitmqctl", "--quiet", "--formatter", "json")
    said = release.execute(
        "rabbitmq", *ctl, "list_consumers", "queue_name", "channel_pid", "active"
    )
    held = Counter(
        channels[one["channel_pid"]]
        for one in json.loads(said)
        if one["active"] and one["queue_name"].startswith(f"jobhopper.{lane}.")
    )
    return sorted(held.values())


def _list(release: Release, what: str, field: str) -> list[dict[str, Any]]:
    ctl = ("rabbitmqctl", "--quiet", "--formatter", "json")
    found: list[dict[str, Any]] = json.loads(
        release.execute("rabbitmq", *ctl, f"list_{what}", "pid", field)
    )
    return found


@pytest.mark.parametrize("component", ["api", "consumer", "refiller", "redis", "rabbitmq", "mysql"])
def test_a_deleted_pod_loses_nothing(component: str, release: Release) -> None:
    with Load(release, f"deleted-{component}") as load:
        wait_for(lambda: len(load.accepted) > 50, 60, "no load")
        before = len(load.accepted)
        for pod in release.pods(component):
            release.cluster.core.delete_namespaced_pod(pod.metadata.name, release.namespace)
            release.await_ready()
        wait_for(lambda: len(load.accepted) > before + 50, 60, "producers did not go on")
        load.await_all_done()


def test_a_rolling_upgrade_under_load_fails_no_request(release: Release) -> None:
    old = {pod.metadata.uid for name in _SERVICES for pod in release.pods(name)}
    with Load(release, "rolled") as load, Prober(release) as prober:
        wait_for(lambda: len(load.accepted) > 50, 60, "no load")
        release.install("podAnnotations.rolled=yes")
        release.await_ready()
        load.await_all_done()
    assert old.isdisjoint(pod.metadata.uid for pod in release.pods())
    assert prober.calls > 100
    assert prober.failures == []


def test_the_silence_job_run_by_hand(release: Release) -> None:
    with release.client() as client:
        for n in range(20):
            client.create("stale", "t", {"n": n})
        wait_for(lambda: client.queue("stale").depth.get("queued") == 20, 30, "not there")
        release.sql(_OLD)
        said = release.run_job("silence", "silence-by-hand")
        assert re.search(r"20 silenced, 20 of them not finished", said), said
        assert client.queue("stale").depth.get("silenced") == 20


def test_a_backup_restores_into_an_emptied_database(release: Release) -> None:
    said = release.run_job("backup", "backup-by-hand")
    written = re.search(r"wrote (jobhopper-\S+\.sql\.gz)", said)
    assert written, said
    before = _sums(release)
    release.sql(
        "DELETE FROM jobs; DELETE FROM job_attempts; DELETE FROM queue_counts; DELETE FROM queues"
    )
    assert _sums(release) != before
    with release.cluster.slow_network():
        release.install(f"backup.restore.file={written[1]}", wait=False)
        (job,) = [
            one.metadata.name
            for one in release.cluster.batch.list_namespaced_job(release.namespace).items
            if "-restore-" in one.metadata.name
        ]
        release.await_refused(job)
    assert "restore: done" in release.job_log(job, 300)
    after = _sums(release)
    release.install()
    release.await_ready()
    assert after == before
    assert "Succeeded" in release.test()


def _sums(release: Release) -> list[list[str]]:
    """Count and checksum of each table that a job leaves something in."""
    tables = ("jobs", "job_attempts", "queues", "queue_counts", "prune_runs", "api_keys")
    sums = release.sql(f"CHECKSUM TABLE {', '.join(tables)}")
    return sums + [release.sql(f"SELECT COUNT(*) FROM {table}")[0] for table in tables]


def test_a_reinstall_on_the_same_volumes_keeps_the_jobs(release: Release) -> None:
    with release.client() as client:
        ids = [client.create("kept", "t", {"n": n}) for n in range(50)]
        wait_for(lambda: client.queue("kept").depth.get("queued") == 50, 30, "not there")
        key = release.key
        release.uninstall()
        release.install()
        release.await_ready()
        assert release.key == key
        assert [job.id for job in client.top("kept", 50)] == ids
        with Load(release, "kept") as load:
            load.accepted += ids
            load.await_all_done()


def test_skaffold_installs_what_it_renders(release: Release) -> None:
    given = ("--namespace", release.namespace)
    rendered = release.cluster.run(SCRIPTS / "skaffold", "render", *given, seconds=300)
    named = set(re.findall(r"image: (jobhopper/\w+):\w{64}$", rendered, re.MULTILINE))
    assert named == {f"jobhopper/{one}" for one in _TARGETS}
    release.uninstall()
    release.cluster.run(SCRIPTS / "skaffold", "run", *given, seconds=600)
    images = {one.spec.containers[0].image for name in _SERVICES for one in release.pods(name)}
    assert len(images) == len(_SERVICES)
    assert not any(image.endswith(release.cluster.tag) for image in images)
    with Load(release, "by-skaffold") as load:
        wait_for(lambda: len(load.accepted) > 50, 60, "no load")
        load.await_all_done()
    assert "Succeeded" in release.test()


def test_a_misspelt_value_is_refused_by_its_name(release: Release) -> None:
    with pytest.raises(FailedError, match="replica"):
        release.install("api.replica=3")
