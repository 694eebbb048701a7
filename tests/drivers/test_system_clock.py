"""From a stamp to the raw clock, while a fake chrony slews at 80 000 ppm and steps; and twins that show what each care is worth."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from gpstime.drivers import system_clock
from gpstime.drivers.system_clock import FAR, FAST, RESET, STEPPED, VAGUE, Converter, SystemClocks
from gpstime.model import PpsEdge
from gpstime.ports import EdgeStamp, Together
from gpstime.sim.machine import FakeMachine
from gpstime.times import NS, RawNs

FIRST = 1002 * NS
CHRONY_PPM = 80_000


def edges(machine, converter, natives="real", n=10, first=FIRST, late_ns=50_000, plan=None, period_ns=NS):
    """The live source's own order: one reading after each edge is the reading before the next. (true raw, what came of it)"""
    before = machine.read()
    for k in range(n):
        true = first + k * period_ns
        if plan:
            plan(k, true)
        stamp = machine.edge(true, natives, k, late_ns)
        after = machine.read()
        yield true, converter.convert(stamp, before, after)
        before = after


def error(true, edge):
    assert isinstance(edge, PpsEdge), edge
    return abs(edge.at - true)


@pytest.mark.parametrize("native", ["real", "mono", "raw"])
def test_a_quiet_clock_costs_only_the_sandwich(native) -> None:
    machine, converter = FakeMachine(), Converter()
    machine.slew(-12.3)
    for k, (true, edge) in enumerate(edges(machine, converter, native)):
        assert error(true, edge) <= edge.err_ns
        assert edge.native == native
        assert edge.shown - machine.shows("real") < 0
        if k:
            assert edge.err_ns < 400, "half a sandwich is 90 ns; two of them differ by as much"


@pytest.mark.parametrize("native", ["real", "mono"])
@pytest.mark.parametrize("seed", range(20))
def test_the_truth_is_inside_while_chrony_slews_at_80_000_ppm(native, seed) -> None:
    """One change of rate in each second, anywhere in it, up to 160 000 ppm from one second to the next."""
    rng = random.Random(seed)
    machine, converter = FakeMachine(), Converter()

    def plan(k, true):
        ppm = rng.choice([-CHRONY_PPM, 0, CHRONY_PPM, rng.uniform(-CHRONY_PPM, CHRONY_PPM)])
        at = true - rng.choice([rng.randrange(NS - 100_000), rng.randrange(200_000), -rng.randrange(40_000)])
        if k % 2:  # chrony's slews last longer than a second
            machine.plan(at, lambda: machine.slew(ppm))

    for true, edge in edges(machine, converter, native, 30, late_ns=rng.randrange(1_000, 100_000), plan=plan):
        assert error(true, edge) <= edge.err_ns
        assert edge.err_ns < 25_000


def one_change(before_edge_ns: int):
    """(true, edge, what the line of the second before would have said) where the rate jumps by 80 000 ppm just then."""
    machine, converter = FakeMachine(), Converter()
    machine.plan(FIRST + 3 * NS - before_edge_ns, lambda: machine.slew(CHRONY_PPM))
    return list(edges(machine, converter, n=4))[3]


def test_the_slope_is_measured_and_never_adjtimex_freq() -> None:
    """Chrony's slew is in the tick: a rate computed from `freq` is wrong by all of it."""
    machine, converter = FakeMachine(), Converter()
    machine.slew(CHRONY_PPM)
    got = list(edges(machine, converter, late_ns=10_000_000))
    for true, edge in got[1:]:
        assert error(true, edge) <= edge.err_ns < 400

    class Timex:
        modes = 0

    machine.adjtimex(told := Timex())
    assert (told.freq, told.tick) == (0, 10_800)
    # control: the same edge with the rate that `freq` tells, from the reading 10 ms later
    stamp = machine.edge(FIRST + 20 * NS, late_ns=10_000_000)
    after = machine.read()
    by_freq = after.raw - round((after.real - stamp.stamp) / (1 + told.freq / 65_536e6))
    assert abs(by_freq - (FIRST + 20 * NS)) > 700_000


def test_err_is_half_the_sandwich_and_the_slopes_times_the_distance() -> None:
    """The formula itself, on readings with known slopes: 1 before, 0.999 in the edge's own second, 600 us after `before`."""
    p = Together(RawNs(0), 10 * NS, 5 * NS, 100)
    b = Together(RawNs(NS), 11 * NS, 6 * NS, 100)
    apart = round(NS / 0.999999)
    a = Together(RawNs(2 * NS), b.real + apart, b.mono_ns + apart, 130)
    converter = Converter()
    converter.convert(EdgeStamp("real", 10 * NS + 5, "assert", 0, "kernel"), p, b)
    edge = converter.convert(EdgeStamp("real", b.real + NS // 2, "assert", 1, "kernel"), b, a)
    assert edge.err_ns == pytest.approx(130 + 1e-6 * NS / 2, abs=2)
    assert edge.at == pytest.approx(NS + 0.999999 * NS / 2, abs=2)
    # control: no change of slope, no such term
    calm, same = Converter(), Together(RawNs(2 * NS), 12 * NS, 7 * NS, 130)
    calm.convert(EdgeStamp("real", 10 * NS + 5, "assert", 0, "kernel"), p, b)
    assert calm.convert(EdgeStamp("real", b.real + NS // 2, "assert", 1, "kernel"), b, same).err_ns <= 131


def test_without_the_slopes_the_interval_would_not_hold_the_truth() -> None:
    """Twin: half a sandwich alone (90 ns) is passed when the rate jumps before the edge, or after it."""
    for before_edge_ns in (300_000, 1_000, -20_000):
        true, edge = one_change(before_edge_ns)
        assert error(true, edge) <= edge.err_ns
    true, edge = one_change(1_000)
    assert error(true, edge) > 10 * 120, "no slope change that matters: this test shows nothing"


@pytest.mark.parametrize("step_ns", [NS, -NS, 18 * NS, -30_000_000, 5_000, -2_000])
@pytest.mark.parametrize("before_edge_ns", [400_000_000, 20_000, -20_000])
@pytest.mark.parametrize("ppm", [0, CHRONY_PPM])
@pytest.mark.parametrize("native", ["real", "mono"])
def test_a_step_inside_the_bracket_makes_the_edge_missing(step_ns, before_edge_ns, ppm, native) -> None:
    machine, converter = FakeMachine(), Converter()
    machine.slew(ppm)
    machine.plan(FIRST + 4 * NS - before_edge_ns, lambda: machine.step(step_ns))
    got = [edge for _, edge in edges(machine, converter, native, 8)]
    assert got[4] == STEPPED
    assert [g for g in got if isinstance(g, str)] == [STEPPED], "the edges around it are fine"
    assert [g.era for g in got if isinstance(g, PpsEdge)] == [0] * 4 + [1] * 3


def test_without_the_step_detector_the_edge_would_be_wrong(monkeypatch) -> None:
    """Twin: the same second with the detector off is wrong by far more than it claims."""
    monkeypatch.setattr(system_clock, "_stepped", lambda left, right: False)
    machine, converter = FakeMachine(), Converter()
    machine.plan(FIRST + 4 * NS + 20_000, lambda: machine.step(-200_000))
    true, edge = list(edges(machine, converter, n=5))[4]
    assert error(true, edge) > 100_000 > edge.err_ns


def test_no_slew_is_taken_for_a_step() -> None:
    machine, converter = FakeMachine(cost_ns=900), Converter()
    for k in range(40):
        machine.plan(FIRST + k * NS // 2, lambda k=k: machine.slew((-1) ** k * CHRONY_PPM))
    got = [edge for _, edge in edges(machine, converter, n=20)]
    assert STEPPED not in got
    assert converter.steps == 0


def test_a_stalled_reading_is_wide_and_no_step() -> None:
    machine, converter = FakeMachine(), Converter()
    machine.stalls = [0] * 12 + [0, 400_000, 0, 0]
    got = list(edges(machine, converter, n=5))
    assert max(edge.err_ns for _, edge in got) > 200_000
    for true, edge in got:
        assert error(true, edge) <= edge.err_ns
    assert converter.steps == 0


def test_never_beyond_a_second() -> None:
    """An edge that is fetched 0.9 s late is placed, one that is 1.1 s from every reading is not."""
    for apart_s, fate in ((1.9, PpsEdge), (2.3, str)):
        machine, converter = FakeMachine(), Converter()
        machine.slew(20)
        list(edges(machine, converter, n=3))
        before = machine.read()
        true = machine.at + round(apart_s / 2 * NS)
        stamp = machine.edge(true, late_ns=round(apart_s / 2 * NS))
        edge = converter.convert(stamp, before, machine.read())
        assert isinstance(edge, fate), edge
        assert fate is str or error(true, edge) <= edge.err_ns
    assert edge == FAR


def test_an_edge_that_is_fetched_late_is_placed_in_its_own_bracket() -> None:
    """The clock is read at a timeout of the wait; the edge came before that and is given after it."""
    machine, converter = FakeMachine(), Converter()
    machine.slew(CHRONY_PPM)
    list(edges(machine, converter, n=3))
    before = machine.read()
    stamp = machine.edge(FIRST + 3 * NS, late_ns=200_000_000)
    middle = machine.read()
    machine.slew(0)
    machine.sleep(0.5)
    converter.convert(machine.edge(machine.at + 1000), before, middle)
    edge = converter.convert(stamp, middle, machine.read())
    assert error(FIRST + 3 * NS, edge) <= edge.err_ns < 2_000


def test_a_first_edge_far_from_a_reading_says_that_it_is_vague() -> None:
    """Nothing is known of the rate yet, so the fastest slew counts: 20 ms x 0.2 is no stamp."""
    machine, converter = FakeMachine(), Converter()
    got = [edge for _, edge in edges(machine, converter, n=3, late_ns=20_000_000)]
    assert got[0] == VAGUE
    assert isinstance(got[1], PpsEdge)


def test_clocks_that_ran_apart_and_a_new_start() -> None:
    machine, converter = FakeMachine(), Converter()
    list(edges(machine, converter, n=2))
    before = machine.read()
    stamp = machine.edge(FIRST + 2 * NS)
    after = machine.read()
    lost = replace(after, raw=RawNs(after.raw - NS // 3))
    assert converter.convert(stamp, before, lost) == FAST
    assert converter.convert(stamp, before, replace(after, raw=RawNs(5))) == RESET
    machine = FakeMachine(raw=7 * NS)
    assert all(isinstance(e, PpsEdge) for _, e in edges(machine, converter, n=3, first=8 * NS)), "after a reset it goes on"


def test_a_known_bias_moves_the_edge_and_not_the_stamp() -> None:
    plain = [e for _, e in edges(FakeMachine(), Converter())]
    moved = [e for _, e in edges(FakeMachine(), Converter(bias_ns=13_500))]
    assert [(a.at - b.at, a.shown - b.shown, a.stamp - b.stamp) for a, b in zip(plain, moved, strict=True)] == [
        (13_500, 13_500, 0)
    ] * 10


def test_the_best_of_a_few_tries(monkeypatch) -> None:
    """One try in five is undisturbed; control: with a single try the disturbed one is what there is."""
    by_id = {4: "raw", 0: "real", 1: "mono"}
    for tries, tight in ((5, True), (1, False)):
        machine = FakeMachine()
        machine.stalls = [0, 30_000, 0, 0] * 3
        monkeypatch.setattr(system_clock, "TRIES", tries)
        monkeypatch.setattr(system_clock.time, "clock_gettime_ns", lambda clock, m=machine: m._costly(by_id[clock]))
        got = SystemClocks(grain_ns=19).read()
        assert (got.err_ns < 200) is tight
        true_real = got.raw + machine.shows("real") - machine.shows("raw")
        assert abs(got.real - true_real) <= got.err_ns


def test_this_machines_own_clocks() -> None:
    clocks = SystemClocks()
    a, b = clocks.read(), clocks.read()
    assert 0 < b.raw - a.raw < NS
    assert a.err_ns > 0
    assert abs((b.real - b.mono_ns) - (a.real - a.mono_ns)) <= 2 * (a.err_ns + b.err_ns)
