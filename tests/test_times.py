"""Instants and the leap table: every name of a second and its instant, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpstime.core.leap import BUILT_IN
from gpstime.times import DAY_S, NS, LeapStatus, LeapTable, TaiNs, UnixNs, UtcTime

TABLE = BUILT_IN.table
LAST_LEAP = UtcTime.parse("2016-12-31T23:59:60Z")

days = st.integers(UtcTime.civil(1, 1, 1).day, UtcTime.civil(9999, 12, 31).day)
utc_times = st.builds(UtcTime, days, st.integers(0, (DAY_S + 1) * NS - 1))


@given(utc_times)
def test_iso_and_back(t: UtcTime) -> None:
    assert UtcTime.parse(t.iso(9)) == t
    cut = UtcTime.parse(t.iso())
    assert cut.day == t.day
    assert 0 <= t.ns_of_day - cut.ns_of_day < NS


@given(days, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, NS - 1))
def test_civil_agrees_with_iso(day: int, hour: int, minute: int, second: int, ns: int) -> None:
    t = UtcTime.parse(f"{UtcTime(day, 0).iso()[:10]}T{hour:02}:{minute:02}:{second:02}.{ns:09}Z")
    assert (t.day, t.ns_of_day) == (day, ((hour * 60 + minute) * 60 + second) * NS + ns)


def test_leap_second_has_a_name() -> None:
    assert UtcTime.civil(2016, 12, 31, 23, 59, 60) == LAST_LEAP
    assert LAST_LEAP.ns_of_day == DAY_S * NS
    assert UtcTime.parse("2016-12-31 23:59:60.999999999+00:00").iso(3) == "2016-12-31T23:59:60.999Z"
    assert LAST_LEAP.unix == UtcTime.parse("2017-01-01T00:00:00Z").unix, "POSIX repeats it"


def test_known_instants() -> None:
    assert UtcTime.parse("1970-01-01T00:00Z").unix == 0
    assert UtcTime.parse("2009-02-13T23:31:30Z").unix == 1_234_567_890 * NS
    assert UtcTime.from_unix(UnixNs(-1)).iso(9) == "1969-12-31T23:59:59.999999999Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2016-12-31",
        "2016-12-31T23:59:60",
        "2016-12-31T23:58:60Z",
        "2016-12-31T22:59:60Z",
        "2016-12-31T23:59:61Z",
        "2016-12-31T24:00:00Z",
        "2016-02-30T00:00:00Z",
        "2015-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2016-13-01T00:00:00Z",
        "2016-1-1T00:00:00Z",
        "2016-12-31T23:59:59.Z",
        "2016-12-31T23:59:59.1234567890Z",
        "2016-12-31T23:59:59+01:00",
        "2016-12-31T23:59:59ZZ",
        "\uff12016-12-31T23:59:59Z",
        "-016-12-31T23:59:59Z",
    ],
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        UtcTime.parse(text)


def test_a_time_is_never_rounded_up() -> None:
    assert UtcTime.parse("2020-01-01T00:00:00.999999999Z").iso(3) == "2020-01-01T00:00:00.999Z"


def test_a_day_outside_the_calendar_still_prints() -> None:
    assert UtcTime(10**9, 0).iso() == "day+1000000000T00:00:00Z"


@pytest.mark.parametrize("leap_day", TABLE.starts[1:])
def test_every_second_around_each_leap_second(leap_day: int) -> None:
    """TAI runs without a gap through 86 401 names and 10 on each side; each name comes back."""
    day = leap_day - 1
    names = [UtcTime(day, s * NS) for s in range(DAY_S + 1)]
    names = [UtcTime(day - 1, s * NS) for s in range(DAY_S - 10, DAY_S)] + names + [UtcTime(leap_day, s * NS) for s in range(10)]
    tai = [TABLE.tai(name) for name in names]
    assert tai == list(range(tai[0], tai[0] + len(names) * NS, NS))
    assert [TABLE.utc(t) for t in tai] == names
    assert [TABLE.utc(TaiNs(t + NS - 1)).ns_of_day % NS for t in tai[-20:]] == [NS - 1] * 20


@given(st.integers(UtcTime.civil(1960, 1, 1).day * DAY_S * NS, UtcTime.civil(2100, 1, 1).day * DAY_S * NS))
def test_every_instant_has_one_name(t: int) -> None:
    assert TABLE.tai(TABLE.utc(TaiNs(t))) == t


@given(st.lists(st.sampled_from((-1, 1)), min_size=1, max_size=12), st.integers(-5 * NS, 5 * NS))
def test_tables_with_leap_seconds_of_both_signs(steps: list[int], beside_ns: int) -> None:
    offsets = [10]
    for step in steps:
        offsets.append(offsets[-1] + step)
    table = LeapTable(tuple(range(1000, 1000 + len(offsets))), tuple(offsets), None, "made up: a leap second every day")
    for day in table.starts:
        t = TaiNs(table.tai(UtcTime(day, 0)) + beside_ns)
        name = table.utc(t)
        assert table.tai(name) == t
        assert table.utc(TaiNs(t + NS)) > name


def test_negative_leap_second() -> None:
    table = LeapTable((0, 100, 200), (10, 11, 10), None, "made up")
    last = UtcTime(199, (DAY_S - 2) * NS)
    assert table.utc(TaiNs(table.tai(last) + NS)) == UtcTime(200, 0)
    assert table.leap_at_end_of(199) == -1
    assert not table.has_leap_at_end_of(199)
    assert table.at(last).status is LeapStatus.OK
    assert table.at(UtcTime(199, (DAY_S - 1) * NS)).status is LeapStatus.AMBIGUOUS, "a name that no second has"
    assert table.at(UtcTime(99, DAY_S * NS)).status is LeapStatus.OK


@pytest.mark.parametrize(
    ("text", "offset_s", "status"),
    [
        ("1971-12-31T23:59:59Z", 10, LeapStatus.UNKNOWN),
        ("1972-01-01T00:00:00Z", 10, LeapStatus.OK),
        ("1972-06-30T23:59:60Z", 10, LeapStatus.OK),
        ("1972-07-01T00:00:00Z", 11, LeapStatus.OK),
        ("1980-01-06T00:00:00Z", 19, LeapStatus.OK),
        ("2015-06-30T23:59:59Z", 35, LeapStatus.OK),
        ("2015-06-30T23:59:60Z", 35, LeapStatus.OK),
        ("2015-07-01T00:00:00Z", 36, LeapStatus.OK),
        ("2016-06-30T23:59:60Z", 36, LeapStatus.AMBIGUOUS),
        ("2026-11-24T12:00:00Z", 37, LeapStatus.OK),
        ("2027-06-27T23:59:59Z", 37, LeapStatus.OK),
        ("2027-06-28T00:00:00Z", 37, LeapStatus.EXPIRED),
        ("2027-06-30T23:59:60Z", 37, LeapStatus.AMBIGUOUS),
    ],
)
def test_offset_and_status(text: str, offset_s: int, status: LeapStatus) -> None:
    answer = TABLE.at(UtcTime.parse(text))
    assert (answer.tai_minus_utc_s, answer.status) == (offset_s, status)


@pytest.mark.parametrize(("starts", "offsets"), [((), ()), ((1, 2), (10,)), ((2, 1), (10, 11)), ((1, 1), (10, 11))])
def test_no_table_without_order(starts: tuple[int, ...], offsets: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not a leap-second table"):
        LeapTable(starts, offsets, None, "made up")
