"""P17: what was recorded before the clock was right is placed afterwards, to within what is claimed."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from recording import LEAP, again, recorded

from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.model import ClockStep, PpsEdge, Tick
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.marks import anchors as standing
from gpstime.store.placing import KNOWN_PPB, UNKNOWN_PPB, Placing, placing_of
from gpstime.store.record import Record
from gpstime.store.runs import RunWorld, runs
from gpstime.times import NS, RawNs, UtcTime

START = UtcTime.civil(2026, 3, 1, 12)


class Given:
    """A world of events that are there already."""

    def __init__(self, events):
        self._events = events

    def events(self):
        return iter(self._events)

    def adjust(self, adjustment):
        raise AssertionError

    def close(self):
        pass


def off_ns(placing: Placing, raw: int, true: UtcTime) -> tuple[int, int]:
    """How far the placed time is off, and how far it may be."""
    placed = placing.at(RawNs(raw))
    assert placed is not None
    return abs(LEAP.tai(placed.utc) - LEAP.tai(true)), placed.err_ns


@pytest.mark.parametrize("offset", [-1_772_366_400.0, -86_400 * 3.0, 400 * 86_400.0])
def test_a_board_that_starts_without_a_clock(tmp_path, offset):
    """At 1970, at the time of its last shutdown, in the future: stepped to the truth after 400 s; the fix comes after 60 s."""
    faults = ("cold-start", f"system-step:at=400s,step={-offset}s")
    values, _ = recorded(tmp_path, Scenario(duration_s=1500, seed=11, system_offset_s=offset, faults=faults))
    found = runs(tmp_path)
    placing = placing_of(found[0], found, LEAP)
    edges = [event for event in values.events if isinstance(event, PpsEdge)]
    assert standing(found[0].marks)[0][0] > edges[5].at
    good = [e for e in edges if e.at >= standing(found[0].marks)[0][0]]
    for edge in good:
        n = round((edge.at - good[0].at) / NS)
        first = standing(found[0].marks)[0][1]
        off, err = off_ns(placing, edge.at, UtcTime(first.day, first.ns_of_day + n * NS))
        assert off <= err
        assert err < 50_000
    ticks = [event for event in values.events if isinstance(event, Tick)]
    placed = placing.at(ticks[0].at)  # minutes before the first label
    assert placed is not None
    assert placed.how == "before"
    assert abs(placed.utc.unix - START.unix) < 3 * NS
    steps = [value for value in values.findings if isinstance(value, ClockStep)]
    assert len(steps) == 1
    placed = placing.at(steps[0].at)
    assert placed is not None
    assert abs(placed.utc.unix - START.unix - 400 * NS) < 11 * NS  # seen at the next edge or reading of the clocks


def test_an_earlier_run_of_the_same_boot_is_placed_by_a_later_one(tmp_path):
    world = SimWorld(Scenario(duration_s=1000, seed=12))
    events = list(world.events())
    edges = [e for e in events if isinstance(e, PpsEdge)]
    for boot, some in (
        ("a", [e for e in events if e.at < edges[30].at and isinstance(e, PpsEdge)]),  # no receiver: no label
        ("a", [e for e in events if e.at >= edges[300].at]),
        ("b", [e for e in events if e.at < edges[30].at and isinstance(e, PpsEdge)]),
    ):
        record = Record(tmp_path, world.head | {"boot": boot})
        run(Given(some), Engine(LEAP), [record])
        record.close()
    found = runs(tmp_path)
    assert standing(found[0].marks) == []
    placing = placing_of(found[0], found, LEAP)
    for k in range(30):
        off, err = off_ns(placing, edges[k].at, UtcTime.from_unix(START.unix + k * NS))
        assert off <= err < 10_000_000  # 300 s away, at 20 ppm
        assert err > 1_000_000
    assert placing_of(found[2], found, LEAP).at(edges[0].at) is None  # another boot: its raw clock has nothing to do with this one
    assert len(placing_of(found[2], found, LEAP)) == 0


def test_a_label_that_was_withdrawn_places_nothing(tmp_path):
    recorded(tmp_path, Scenario(duration_s=600, seed=13))
    found = runs(tmp_path)[0]
    marks = found.marks
    before = len(standing(found.marks))
    assert standing([*marks[:4], *(replace(mark, withdrawals=1) for mark in marks[4:])]) == standing(marks)[4:]
    # the batch in which it was said is lost: the count in those after it still tells
    assert standing([*marks[:3], *(replace(mark, withdrawals=1) for mark in marks[4:])]) == standing(marks)[4:]
    assert standing([*marks[:-1], replace(marks[-1], withdrawals=1, anchor=None)]) == []
    assert before == len(marks)


def test_the_claim_holds_for_noisy_stamps_too(tmp_path):
    """Stamps taken in user space: the anchors show their own noise. The twin: the floor alone would be wrong most of the time."""
    values, _ = recorded(tmp_path, Scenario(duration_s=1800, seed=14, pps_noise_ns=100_000.0))
    found = runs(tmp_path)
    placing = placing_of(found[0], found, LEAP)
    edges = [e for e in values.events if isinstance(e, PpsEdge)][60:-60]
    offs = [off_ns(placing, e.at, UtcTime.from_unix(START.unix + (60 + k) * NS)) for k, e in enumerate(edges)]
    assert sum(off > err for off, err in offs) <= len(offs) * 0.01
    assert sum(off > 10_000 for off, _ in offs) > len(offs) * 0.5


def anchors(ppb: int, seconds: list[int]) -> list[tuple[RawNs, UtcTime]]:
    return [(RawNs(s * NS + s * ppb), UtcTime.from_unix(START.unix + s * NS)) for s in seconds]


def test_the_crystal_is_not_needed_to_be_good():
    rng = random.Random(15)
    for _ in range(200):
        ppb = rng.randrange(-UNKNOWN_PPB, UNKNOWN_PPB)
        single = Placing(anchors(ppb, [1000]), LEAP)
        series = Placing(anchors(ppb, list(range(1000, 2000, 60))), LEAP)
        for s in (0, 500, 1030, 1999, 5000):
            true = UtcTime.from_unix(START.unix + s * NS)
            off, err = off_ns(single, s * NS + s * ppb, true)
            assert off <= err
            off, err = off_ns(series, s * NS + s * ppb, true)
            assert off <= 100
            assert err <= abs(s - 1000) * KNOWN_PPB * 1.001 + 10_100
            back = series.raw(true)
            assert back is not None
            assert abs(back - (s * NS + s * ppb)) <= 4000 * UNKNOWN_PPB


def test_over_a_leap_second():
    points = [(RawNs(s * NS), LEAP.utc(LEAP.tai(UtcTime.civil(2016, 12, 31, 23, 59, 0)) + s * NS)) for s in (0, 30, 90, 120)]
    placing = Placing(points, LEAP)
    for s, name in ((59, "2016-12-31T23:59:59Z"), (60, "2016-12-31T23:59:60Z"), (61, "2017-01-01T00:00:00Z")):
        placed = placing.at(RawNs(s * NS))
        assert placed is not None
        assert placed.utc.iso() == name
        assert placing.raw(placed.utc) == s * NS


def test_a_jump_of_the_raw_clock_is_not_interpolated():
    points = anchors(0, [0, 60, 120, 180, 240])
    points += [(RawNs(at - 50 * NS), utc) for at, utc in anchors(0, [300, 360, 420, 480])]  # the machine slept for 50 s
    placed = Placing(points, LEAP).at(RawNs(245 * NS))
    assert placed is not None
    assert "jump" in placed.how
    assert placed.err_ns >= 50 * NS
    assert Placing([], LEAP).at(RawNs(0)) is None
    assert Placing([], LEAP).raw(START) is None


def test_the_service_s_own_reading_of_a_run_is_not_changed_by_it(tmp_path):
    values, _ = recorded(tmp_path, Scenario(duration_s=200, seed=16, system_offset_s=-1e9))
    assert [e for e in RunWorld(runs(tmp_path)[0]).events() if isinstance(e, PpsEdge)] == [
        e for e in values.events if isinstance(e, PpsEdge)
    ]


def test_batches_that_end_within_a_leap_second_and_at_midnight(tmp_path):
    """A commit at every pulse: the leap second itself is an anchor, and both it and midnight are placed where they were."""
    values, _ = recorded(tmp_path, Scenario(duration_s=400, seed=6, faults=("leap-second:at=200s",)), commit_s=1)
    (run,) = runs(tmp_path)
    names = {utc.iso(): at for at, utc in standing(run.marks)}
    assert {"2016-12-31T23:59:59Z", "2016-12-31T23:59:60Z"} <= set(names)
    placing = placing_of(run, [], LEAP)
    at = names["2016-12-31T23:59:60Z"]
    for seconds, name in ((-1, "2016-12-31T23:59:59Z"), (0, "2016-12-31T23:59:60Z"), (1, "2017-01-01T00:00:00Z")):
        placed = placing.at(RawNs(at + seconds * NS + NS // 2))
        assert placed is not None
        assert placed.utc.iso()[:19] == name[:19]
    assert again(run, "epochs").findings == values.findings
