"""The migration, which is a Job of its own for every spec, and what runs by the clock."""

import pytest

from .manifests import find, of_kind, with_settings, with_values

FIXED = (
    "secrets.adminKey=jh_firstkey_0123456789abcdef0123",
    "secrets.leaseKeys=k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "mysql.auth.password=one",
    "mysql.auth.rootPassword=two",
    "rabbitmq.auth.password=three",
    "redis.auth.password=four",
)


def _migration(*settings: str) -> str:
    names = [one["metadata"]["name"] for one in of_kind(with_settings(*FIXED, *settings), "Job")]
    (name,) = [name for name in names if name.startswith("jobhopper-migration-")]
    return name


def test_the_same_spec_is_the_same_job() -> None:
    assert _migration() == _migration("api.replicas=5")


@pytest.mark.parametrize(
    "setting",
    ["image.tag=9.9.9", "migration.resources.limits.memory=1Gi", "mysql.auth.password=another"],
)
def test_another_spec_is_another_job(setting: str) -> None:
    assert _migration(setting) != _migration()


def test_the_migration_is_no_hook() -> None:
    for job in of_kind(with_values("default"), "Job"):
        assert "annotations" not in job["metadata"]


@pytest.mark.parametrize(("name", "schedule"), [("silence", "0 3 1 * *"), ("backup", "30 2 * * *")])
def test_cron_jobs_never_overlap_and_end(name: str, schedule: str) -> None:
    spec = find(with_values("default"), "CronJob", name)["spec"]
    assert spec["schedule"] == schedule
    assert spec["timeZone"] == "UTC"
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["suspend"] is False
    assert spec["startingDeadlineSeconds"] > 0
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0
    assert {spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]} == {3}


def test_backups_are_of_the_chart_s_own_mysql() -> None:
    assert not [one for one in with_values("external") if "backup" in one["metadata"]["name"]]
    assert not [one for one in with_values("mysql-only") if "backup" in one["metadata"]["name"]]


def test_no_consumer_without_rabbitmq() -> None:
    assert not [one for one in with_values("mysql-only") if "consumer" in one["metadata"]["name"]]
