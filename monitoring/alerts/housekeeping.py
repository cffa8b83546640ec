"""What has to be done now and then."""

from monitoring.model import Alert, Case, Group

_AT = (
    'jobhopper_silence_last_success_timestamp_seconds{namespace="jobs", pod="refiller-0"}',
    'jobhopper_silence_last_success_timestamp_seconds{namespace="jobs", pod="refiller-1"}',
)
_ROWS = 'jobhopper_last_partition_holds_rows{namespace="jobs", pod="refiller-0"}'
_UNFINISHED = 'jobhopper_silenced_unfinished_jobs{namespace="jobs", pod="refiller-0"}'
_LAST = "max by (namespace) (jobhopper_silence_last_success_timestamp_seconds)"
# Values of a test that takes 37 days, one an hour.
_LONG = 37 * 24


def _ended(values: str) -> dict[str, str | None]:
    return dict.fromkeys(_AT, values)


HOUSEKEEPING = Group(
    "housekeeping",
    (
        Alert(
            name="JobhopperSilencingOverdue",
            expr=f"time() - ({_LAST} > 0) > 35 * 86400",
            lasts="1h",
            severity="warning",
            summary="The last silencing ended {{ $value | humanizeDuration }} ago.",
            description="It runs monthly. Until it does, stale jobs stay in lists and hoppers.",
            fires=Case(
                _ended(f"60x{_LONG}"),
                {"namespace": "jobs"},
                at="36d",
                interval="1h",
                says="The last silencing ended 35d 23h 59m 0s ago.",
            ),
            quiet=(Case(_ended(f"60x{_LONG}"), at="34d", interval="1h"),),
        ),
        Alert(
            name="JobhopperSilencingNever",
            expr=f"{_LAST} == 0",
            lasts="35d",
            severity="warning",
            summary="No silencing has ever come to its end.",
            description="It runs monthly, and this install is older than that.",
            fires=Case(_ended(f"0x{_LONG}"), {"namespace": "jobs"}, at="36d", interval="1h"),
            quiet=(Case(_ended(f"0x{_LONG}"), at="34d", interval="1h"),),
        ),
        Alert(
            name="JobhopperSilencedUnfinished",
            # For two days: there is no other moment at which this would end.
            expr="max by (namespace) (jobhopper_silenced_unfinished_jobs) > 0 "
            f"and on (namespace) time() - {_LAST} < 2 * 86400",
            lasts="0m",
            severity="info",
            summary="The last silencing put aside {{ $value }} jobs that were never done.",
            description="They had not been touched for as long as their queue's silence_after.",
            fires=Case(
                {_UNFINISHED: "0 3x120"} | _ended("0 60x120"),
                {"namespace": "jobs"},
                says="The last silencing put aside 3 jobs that were never done.",
            ),
            quiet=(
                Case({_UNFINISHED: f"3x{_LONG}"} | _ended(f"60x{_LONG}"), at="3d", interval="1h"),
            ),
        ),
        Alert(
            name="JobhopperLastPartitionUsed",
            expr="max by (namespace) (jobhopper_last_partition_holds_rows) == 1",
            lasts="5m",
            severity="critical",
            summary="Jobs are stored in the last partition.",
            description="Months were not made in time; the longer this lasts, the longer it takes "
            "to make them.",
            fires=Case({_ROWS: "0 1x120"}, {"namespace": "jobs"}),
        ),
    ),
)
