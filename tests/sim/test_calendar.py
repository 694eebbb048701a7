"""True seconds have the names that the leap table gives them."""

from __future__ import annotations

import pytest

from gpstime.errors import UsageError
from gpstime.sim.calendar import Calendar
from gpstime.sim.scenario import LEAPS, START
from gpstime.sim.streams import seconds
from gpstime.times import DAY_S, NS, LeapTable, UtcTime


@pytest.mark.parametrize("text", ["2016-12-31T23:59:50Z", "2012-06-30T23:59:58Z", "2026-03-01T12:00:00Z"])
def test_names_agree_with_the_table(text: str) -> None:
    calendar = Calendar(UtcTime.parse(text), LEAPS)
    for k in (*range(-5, 25), 86_400, 10**6, 140_000_000):
        assert calendar.utc(k) == LEAPS.utc(calendar.tai(k)), k


def test_a_leap_second_has_its_own_name() -> None:
    calendar = Calendar(UtcTime.parse("2016-12-31T23:59:58Z"), LEAPS)
    names = [calendar.utc(k).iso() for k in range(4)]
    assert names == ["2016-12-31T23:59:58Z", "2016-12-31T23:59:59Z", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"]
    assert calendar.leap_seconds_until(10) == [2]
    assert calendar.leap_seconds_until(2) == []
    posix = [calendar.unix_ns(k * NS + 5) - calendar.unix_ns(5) for k in range(4)]
    assert posix == [0, NS, NS, 2 * NS], "POSIX repeats the second before"


def test_a_removed_second_is_passed_over() -> None:
    day = UtcTime.civil(2030, 1, 1).day
    table = LeapTable((LEAPS.starts[-1], day), (37, 36), None, "a test's")
    calendar = Calendar(UtcTime(day - 1, (DAY_S - 3) * NS), table)
    assert [calendar.name(k) for k in range(4)] == [(day - 1, DAY_S - 3), (day - 1, DAY_S - 2), (day, 0), (day, 1)]
    assert calendar.leap_seconds_until(10) == []


def test_the_start_is_a_whole_second() -> None:
    assert Calendar(UtcTime(START.day, START.ns_of_day + 7), LEAPS).start == START


@pytest.mark.parametrize(
    ("text", "value"),
    [("500ms", 0.5), ("1us", 1e-6), ("90", 90.0), ("1h30m", 5400.0), ("-2s", -2.0), ("2.5e-7", 2.5e-7), ("1d", 86_400.0)],
)
def test_time_spans(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "s", "1x", "1h30", "--1s", "1 s 2", "nan", "inf", "1h-30m"])
def test_no_time_spans(text: str) -> None:
    with pytest.raises(UsageError, match="not a time span"):
        seconds(text)
