"""Times: RFC 3339 on the wire, whole microseconds since 1970 inside."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobhopper_core.model import limits, times

US = st.integers(0, limits.TIME_MAX_US)
# Zones in whole minutes, as RFC 3339 writes them.
MINUTES = st.integers(-23 * 60 - 59, 23 * 60 + 59)


def moment(us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


@given(US)
@example(0)
@example(limits.TIME_MAX_US)
def test_a_time_survives_the_way_out_and_in(us: int) -> None:
    assert times.parse(times.to_text(us)) == us


@given(US)
def test_times_go_out_in_utc_with_six_decimals_and_a_z(us: int) -> None:
    assert times.to_text(us) == moment(us).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@given(US, MINUTES)
def test_a_time_means_the_same_moment_in_every_zone(us: int, minutes: int) -> None:
    local = moment(us).astimezone(timezone(timedelta(minutes=minutes)))
    assert times.parse(local.isoformat(timespec="microseconds")) == us


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("1970-01-01 00:00:00Z", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("1970-01-01T00:00:00.5Z", 500_000),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T01:30:00+01:30", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("2024-02-29T12:00:00Z", 1_709_208_000_000_000),
        ("2100-12-31T23:59:59.999999Z", limits.TIME_MAX_US),
        ("2101-01-01T00:59:59.999999+01:00", limits.TIME_MAX_US),
    ],
)
def test_every_form_of_rfc_3339_is_read(text: str, us: int) -> None:
    assert times.parse(text) == us


def test_digits_finer_than_a_microsecond_are_cut_not_rounded() -> None:
    assert times.parse("1970-01-01T00:00:00.123456999Z") == 123_456


@pytest.mark.parametrize(
    "text",
    [
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00+00:01",
        "2101-01-01T00:00:00Z",
        "2100-12-31T23:59:59.999999-00:01",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_times_before_1970_and_after_2100_are_refused(text: str) -> None:
    assert times.parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1790000000",
        "2026-11-24",
        "2026-11-24T06:00:00",  # no zone
        "2026-11-24T06:00Z",  # no seconds
        "2026-11-24T06:00:00.Z",
        "2026-11-24T06:00:00,5Z",
        "2026-11-24T06:00:00.1234567890Z",
        "2026-11-24T06:00:00+0100",
        "2026-11-24T06:00:00+01",
        "2026-11-24T06:00:00+24:00",
        "2026-11-24T06:00:00+01:60",
        "2026-11-24T24:00:00Z",
        "2026-11-24T06:60:00Z",
        "2026-11-24T23:59:60Z",  # the database has no leap seconds
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-24T06:00:00Z ",
        "2026-11-24T06:00:00Z\n",
        "\n2026-11-24T06:00:00Z",
        "20261124T060000Z",
        "2026-W48-2T06:00:00Z",
        "+2026-11-24T06:00:00Z",
        "٢٠٢٦-11-24T06:00:00Z",  # digits of another script
    ],
)
def test_what_is_not_rfc_3339_with_a_zone_is_refused(text: str) -> None:
    assert times.parse(text) is None


@given(st.text(max_size=40))
def test_rubbish_is_refused_and_never_raises(text: str) -> None:
    assert times.parse(text) is None or text[:4].isdigit()


@given(US)
def test_the_grain_of_run_at_is_the_millisecond_before(us: int) -> None:
    floor = times.floor_ms(us)
    assert floor % 1000 == 0
    assert 0 <= us - floor < 1000
