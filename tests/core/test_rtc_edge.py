"""The edge search against a made-up clock: the truth is inside every bracket, brackets are narrow, polls are few."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpstime.core.rtc_brackets import Brackets, Edge
from gpstime.core.rtc_edge import EdgeSearch
from gpstime.times import NS, RawNs


@dataclass
class MadeUp:
    """An RTC on a bus: its rate, how long a poll takes and when in it the register is read, how late the poller wakes."""

    ppm: float = 2.0
    length_ns: int = 390_000
    latch: float = 0.3
    late_ns: float = 60_000.0
    set_at_s: float | None = None
    set_by_ns: float = 0.0
    seed: int = 0
    polls: int = 0

    def shows(self, raw: float) -> float:
        """ns of its own since some midnight."""
        ahead = self.set_by_ns if self.set_at_s is not None and raw > self.set_at_s * NS else 0.0
        return (raw - self.seed * 37_000_017) * (1 + self.ppm * 1e-6) + ahead + 1e12

    def run(self, search: EdgeSearch, until_s: float, start_s: float = 1.0) -> Iterator[tuple[Edge, float]]:
        """Each edge that the search gives, and by how much its middle is too late."""
        draw = random.Random(self.seed)
        t = round(start_s * NS)
        while t < until_s * NS:
            before = max(t, search.due) + round(abs(draw.gauss(0, self.late_ns)))
            after = before + self.length_ns + round(abs(draw.gauss(0, 10_000)))
            shown = self.shows(before + self.latch * (after - before))
            self.polls += 1
            edge = search.on_poll(RawNs(before), RawNs(after), int(shown // NS) % 60)
            t = after + 20_000
            if edge is not None:
                shown = self.shows(edge.at)
                assert round(shown / NS) % 60 == edge.second
                yield edge, (shown - round(shown / NS) * NS) / (1 + self.ppm * 1e-6)


@pytest.mark.parametrize("ppm", [0.0, 2.0, -20.0, 139.0, -500.0])
@pytest.mark.parametrize("latch", [0.0, 0.3, 1.0])
def test_an_hour_at_100_khz(ppm: float, latch: float) -> None:
    clock = MadeUp(ppm=ppm, latch=latch, seed=3)
    found = list(clock.run(EdgeSearch(60.0), 3600.0))
    assert len(found) > 60
    for edge, off in found:
        assert abs(off) <= edge.half_ns
        assert edge.half_ns < 500_000
    # at first an edge every four seconds, in the end one a minute
    assert found[1][0].at - found[0][0].at < 8 * NS
    assert 50 * NS < found[-1][0].at - found[-2][0].at < 130 * NS
    late = [edge for edge, _ in found[-20:]]
    assert sum(edge.polls for edge in late) / len(late) < 8, "few bus transactions an edge"
    assert sum(edge.half_ns for edge in late) / len(late) < 320_000


def test_a_single_pair_of_polls_is_not_enough_and_the_intersection_is() -> None:
    """Two polls that follow each other at once leave at least two poll lengths; many seconds together leave less."""
    edges = [edge for edge, _ in MadeUp(seed=5).run(EdgeSearch(60.0), 7200.0)][-60:]
    assert max(2 * edge.half_ns for edge in edges) < 1.6 * 400_000
    assert min(edge.seconds for edge in edges) >= 2


@pytest.mark.parametrize("late_us", [0, 200, 1000])
@pytest.mark.parametrize("length_us", [100, 390, 1500])
def test_slow_buses_and_busy_machines(late_us: int, length_us: int) -> None:
    clock = MadeUp(late_ns=late_us * 1e3, length_ns=length_us * 1000, seed=8)
    found = list(clock.run(EdgeSearch(60.0), 3600.0))
    assert len(found) > 40
    for edge, off in found:
        assert abs(off) <= edge.half_ns
    assert sum(edge.half_ns for edge, _ in found[-10:]) / 10 < 0.85 * length_us * 1000 + 50_000


def test_errors_of_successive_edges_have_nothing_to_do_with_each_other() -> None:
    """What the estimator takes for granted: a lag-one correlation that is none."""
    offs = [off for _, off in MadeUp(seed=2, ppm=0.7).run(EdgeSearch(60.0), 86_400.0)][100:]
    mean = sum(offs) / len(offs)
    spread = sum((x - mean) ** 2 for x in offs)
    lag = sum((a - mean) * (b - mean) for a, b in itertools.pairwise(offs))
    assert len(offs) > 600
    assert abs(lag / spread) < 0.12  # 3 sigma of white noise


@pytest.mark.parametrize("by_ns", [-3e8, 1.73e10, 3e6, -2e6, 1e9])
def test_a_clock_that_was_set_is_found_where_it_is(by_ns: float) -> None:
    clock = MadeUp(set_at_s=1800.0, set_by_ns=by_ns, seed=1)
    found = list(clock.run(EdgeSearch(60.0), 3600.0))
    for edge, off in found:
        assert abs(off) <= edge.half_ns
    assert any(edge.at > 1800 * NS for edge, _ in found)
    assert len([edge for edge, _ in found if edge.at > 2000 * NS]) > 15


@pytest.mark.parametrize("ppm", [83_000.0, -83_000.0, 35_000.0])
def test_what_is_no_clock_gets_no_edges_and_is_named(ppm: float) -> None:
    clock, search = MadeUp(ppm=ppm, seed=4), EdgeSearch(60.0)
    assert [edge for edge, _ in clock.run(search, 1800.0)] == []
    assert search.second_s is not None
    assert abs(search.second_s * (1 + ppm * 1e-6) - 1) < 0.03
    assert clock.polls < 1200


def test_whole_minutes_are_whole_minutes() -> None:
    edges = [edge for edge, _ in MadeUp(seed=6).run(EdgeSearch(60.0, whole_minutes=True), 3600.0)]
    assert len(edges) > 40
    assert {edge.second for edge in edges[1:]} <= set(range(19, 30))


def test_bad_bytes_and_a_chip_that_was_away() -> None:
    clock, search = MadeUp(seed=7), EdgeSearch(60.0)
    before = [edge for edge, _ in clock.run(search, 300.0)]
    assert before
    assert search.on_poll(RawNs(301 * NS), RawNs(301 * NS + 400_000), None) is None
    assert search.due > 301 * NS
    search.forget()
    for edge, off in clock.run(search, 1200.0, start_s=700.0):
        assert abs(off) <= edge.half_ns


@given(st.floats(-900, 900), st.integers(50_000, 3_000_000), st.floats(0, 1), st.floats(0, 3e6), st.integers(0, 50), st.booleans())
def test_the_truth_is_always_inside(ppm: float, length: int, latch: float, late: float, seed: int, minutes: bool) -> None:
    clock = MadeUp(ppm=ppm, length_ns=length, latch=latch, late_ns=late, seed=seed)
    for edge, off in clock.run(EdgeSearch(60.0, minutes), 400.0):
        assert abs(off) <= edge.half_ns


def test_bounds_cross_where_polls_contradict_each_other() -> None:
    brackets = Brackets()
    brackets.add(0, 0, 400_000)
    assert brackets.bounds(1) == (0, pytest.approx(NS + 400_000 + brackets.blur_ns))
    brackets.add(2, NS // 2, NS // 2 + 400_000)  # two rollovers in half a second
    lo, hi = brackets.bounds(1)
    assert lo > hi
