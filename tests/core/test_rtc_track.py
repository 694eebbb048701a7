"""The RTC beside the pulses, event by event: what true time is, what the chip's own word does, and that nothing makes it fall."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.core.rtc_axis import Axis
from gpstime.core.rtc_chain import Broken
from gpstime.core.rtc_track import RtcTrack
from gpstime.core.rtc_words import Setter, because
from gpstime.core.train import Pulse
from gpstime.model import ClockStep, Kind, PpsEdge, RtcBreak, RtcDrift, RtcOffset, RtcReading, SqwEdge, Tick
from gpstime.times import NS, RawNs, UnixNs, UtcTime

START = UtcTime.civil(2026, 3, 1, 12)


def pulse(n: int, run: int = 0, raw_ppm: float = 0.0) -> Pulse:
    at = RawNs(round(n * NS * (1 + raw_ppm * 1e-6)))
    return Pulse(at, n, PpsEdge(at, UnixNs(START.unix + n * NS)), run)


def reading(at_s: float, count: int, **more: object) -> RtcReading:
    made: dict[str, object] = {"err_ns": 200_000, "edge": True, "trusted": True, "chip": "ds3231"}
    return RtcReading(RawNs(round(at_s * NS)), UtcTime.from_unix(START.unix + count * NS), NS, **made | more)  # type: ignore[arg-type]


def hour(track: RtcTrack, change: dict[int, dict[str, object]], until: int = 3600) -> list[object]:
    """Pulses each second, an edge each minute 0.3 s after a pulse; from the seconds in `change` on readings are different."""
    out: list[object] = []
    more: dict[str, object] = {"temperature_c": 25.0, "aging": 0}
    for n in range(until):
        more = more | change.get(n, {})
        track.on_pulse(pulse(n), 1.0, None)
        if n % 60 == 59:
            out += track.on_reading(reading(n + 0.3, n, **more))
    return out


def test_true_time_lies_between_pulses_and_is_carried_for_a_while() -> None:
    axis = Axis()
    assert axis.at(RawNs(0)) is None
    for n in range(5):
        axis.on_pulse(pulse(n, raw_ppm=20.0), 1 + 20e-6, UtcTime.from_unix(START.unix + n * NS))
    between, after = axis.at(RawNs(round(3.5 * NS * (1 + 20e-6)))), axis.at(RawNs(round(60 * NS * (1 + 20e-6))))
    assert between is not None
    assert after is not None
    assert abs(between.true_ns - 3.5e9) <= 1
    assert between.utc_ns == START.unix + between.true_ns
    assert abs(after.true_ns - 60e9) <= 2
    assert 5_000 < after.err_ns < 7_000
    assert axis.at(RawNs(200 * NS)) is None, "too long ago, and the system clock does not jump in"


def test_the_system_clock_where_there_are_no_pulses() -> None:
    axis = Axis()
    axis.on_tick(Tick(RawNs(0), UnixNs(START.unix)))
    assert axis.at(RawNs(1)) is None
    axis.on_tick(Tick(RawNs(10 * NS), UnixNs(START.unix + 10 * NS - 370_000)))  # slewed by -37 ppm
    seen = axis.at(RawNs(20 * NS))
    assert seen is not None
    assert seen.against == "system"
    assert seen.true_ns == START.unix + 20 * NS - 740_000
    axis.on_step(ClockStep(RawNs(20 * NS), 0, ""))
    assert axis.at(RawNs(20 * NS)) is None
    axis.on_tick(Tick(RawNs(30 * NS), UnixNs(0)))
    axis.on_tick(Tick(RawNs(30 * NS), UnixNs(1)))
    assert axis.at(RawNs(31 * NS)) is not None, "two ticks at once divide by nothing"


def test_offset_and_drift_come_as_findings() -> None:
    engine, out = Engine(BUILT_IN.table), []
    for n in range(1300):
        at = RawNs(n * NS)
        out += engine.on(PpsEdge(at, UnixNs(START.unix + n * NS), seq=n))[0]
        if n > 10 and n % 20 == 0:
            out += engine.on(reading(n + 0.25, n))[0]
    offsets = [f for f in out if isinstance(f, RtcOffset)]
    assert len(offsets) == 64
    assert all(f.kind is Kind.OK and f.against == "gps" for f in offsets)
    drifts = [f for f in out if isinstance(f, RtcDrift)]
    assert len(drifts) == 8
    assert drifts[-1].drift.mean_lo_ppb <= 0.0 <= drifts[-1].drift.mean_hi_ppb
    assert drifts[-1].via == "bus"


def test_a_reading_that_nothing_can_be_held_against_is_missing() -> None:
    (found,) = RtcTrack().on_reading(reading(5.0, 5))
    assert isinstance(found, RtcOffset)
    assert found.kind is Kind.MISSING
    assert RtcTrack().on_reading(reading(5.0, 5, edge=False)) == []


@pytest.mark.parametrize(
    ("change", "reason", "says"),
    [
        ({"aging": -12}, "trim-changed", "from 0 to -12"),
        ({"trusted": False}, "power-lost", "oscillator has stopped"),
        ({"temperature_c": 31.5}, "temperature-jump", "from 25.0 to 31.5 C"),
    ],
)
def test_what_the_chip_itself_says(change: dict[str, object], reason: str, says: str) -> None:
    track = RtcTrack()
    out = hour(track, {1800: change})
    (found,) = [f for f in out if isinstance(f, RtcBreak)]
    assert found.reason == reason
    assert says in found.why
    assert [s.ended for s in track.bus.chain.stretches] == [reason, ""]
    blind = RtcTrack(detect=False)
    assert not [f for f in hour(blind, {1800: change}) if isinstance(f, RtcBreak)], "the twin sees nothing"


def test_a_room_that_warms_by_itself_is_no_jump() -> None:
    warmer = {n: {"temperature_c": 20.0 + n / 900} for n in range(0, 3600, 60)}  # 4 C in an hour
    assert RtcTrack().breaks == []
    track = RtcTrack()
    hour(track, warmer)
    assert track.breaks == []


def test_pulses_that_begin_anew_are_another_reference() -> None:
    track = RtcTrack()
    hour(track, {})
    for n in range(4000, 5500):
        track.on_pulse(pulse(n, run=1), 1.0, None)
        if n % 60 == 59:
            track.on_reading(reading(n + 0.3, n))
    assert [b.reason for b in track.breaks] == ["reference"]
    track.forget()
    assert track.axis.at(RawNs(5501 * NS)) is None


def test_who_set_it_is_told_by_rhythm_and_by_the_system_clock() -> None:
    setter = Setter()
    first = because(Broken(RawNs(100 * NS), RawNs(160 * NS), 1_700_000, None), setter, 3_000_000)
    assert first[0] == "set"
    assert "set by +1.7 ms, to within 3 ms of the system clock's second" in first[1]
    assert because(Broken(RawNs(500 * NS), RawNs(560 * NS), -5 * NS, None), setter, -300_000_000)[0] == "set"
    again = because(Broken(RawNs(1410 * NS), RawNs(1470 * NS), 900_000, None), setter, None)
    assert again[0] == "kernel-rewrite", "1320 s after the first: twice eleven minutes"
    assert setter.overdue(1500 * NS) is None
    assert setter.overdue((1470 + 1000) * NS) == (1410 + 657) * NS
    assert [setter.overdue(10**14) is not None for _ in range(5)] == [True, True, True, False, False]
    bent = because(Broken(RawNs(0), RawNs(NS), None, -2500.0), setter, None)
    assert bent[0] == "rate-change"
    assert "-2.50 ppm" in bent[1]


WILD = st.one_of(
    st.builds(
        lambda at, shown, err, warm, aging, edge, trusted: RtcReading(
            RawNs(at), UtcTime.from_unix(shown * NS), NS, err, edge, trusted, warm, aging, "pcf8523"
        ),
        st.integers(0, 10**13),
        st.integers(-10, 20_000) | st.integers(-(10**9), 4 * 10**9),
        st.integers(0, 10**6) | st.integers(0, 10**12),
        st.none() | st.floats(-40, 85),
        st.none() | st.integers(-64, 63),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(lambda n, run: pulse(n, run), st.integers(0, 10_000), st.integers(0, 2)),
    st.builds(lambda at, shown: Tick(RawNs(at), UnixNs(shown)), st.integers(0, 10**13), st.integers(0, 10**13)),
    st.builds(lambda at: SqwEdge(RawNs(at)), st.integers(0, 10**13)),
    st.builds(lambda at, by: ClockStep(RawNs(at), by, ""), st.integers(0, 10**13), st.integers(-(10**12), 10**12)),
)


@given(st.lists(WILD, max_size=120), st.booleans(), st.booleans())
@settings(max_examples=150)
def test_no_order_of_events_makes_it_fall_over(events: list[object], detect: bool, in_order: bool) -> None:
    """Also not one from a capture that somebody made up."""
    from gpstime.app.rtc_specs import spec_of

    if in_order:
        events = sorted(events, key=lambda e: e.at)  # type: ignore[attr-defined]
    track = RtcTrack(spec_of, detect)
    for event in events:
        if isinstance(event, RtcReading):
            track.on_reading(event)
        elif isinstance(event, Pulse):
            track.on_pulse(event, 1.0, None)
        elif isinstance(event, Tick):
            track.on_tick(event)
        elif isinstance(event, SqwEdge):
            track.on_sqw(event)
        elif isinstance(event, ClockStep):
            track.on_step(event)
    for way in (track.bus, track.sqw):
        track.best(way)
        way.chain.stretch.drift()


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(-3, 95), st.integers(0, 10**9)), min_size=20, max_size=80), st.booleans())
@settings(max_examples=100)
def test_nor_does_any_row_of_readings(steps: list[tuple[int, int, int]], detect: bool) -> None:
    track, at, count = RtcTrack(detect=detect), 10, 10
    for n in range(4):
        track.on_pulse(pulse(n), 1.0, None)
    for passed, counted, err in steps:
        at, count = at + passed, count + counted
        track.on_pulse(pulse(at), 1.0, None)
        track.on_reading(reading(at + 0.5, count, err_ns=err))
    track.bus.chain.stretch.drift()
