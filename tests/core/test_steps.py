"""Steps of the system clock: found exactly with MONOTONIC, told from slews without it, counted once when declared."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from roof import NS

from gpstime.core.steps import StepWatch
from gpstime.model import Applied, ClockStep, PpsEdge, Tick
from gpstime.times import RawNs, UnixNs

T0 = 1_763_923_200 * NS


def at(s: float) -> RawNs:
    return RawNs(round((500 + s) * NS))


def tick(s: float, ahead_s: float, mono_drift: float = 0.0, *, mono: bool = True, err_ns: int = 200) -> Tick:
    """A tick `s` seconds in, the system clock having gained `ahead_s` by steps and `mono_drift` seconds by slews."""
    shown = UnixNs(T0 + round((s + ahead_s + mono_drift) * NS))
    return Tick(at(s), shown, round((s + 40 + mono_drift) * NS) if mono else None, err_ns)


def steps(watch: StepWatch, ticks: list[Tick]) -> list[ClockStep]:
    return [step for t in ticks for step in watch.on_tick(t)]


@pytest.mark.parametrize("step_s", [1.0, -1.0, 0.002, -0.5, 18.0, -6e8])
def test_with_monotonic_a_step_is_found_to_the_ns_even_across_a_gap(step_s: float) -> None:
    watch = StepWatch()
    found = steps(watch, [tick(s, 0) for s in range(5)] + [tick(s, step_s) for s in range(400, 405)])
    assert [(s.step_ns, s.at) for s in found] == [(round(step_s * NS), at(400))]
    assert watch.count == 1


def slewing(rate: float, begin: int, end: int) -> Callable[[float], float]:
    return lambda s: rate * min(max(s - begin, 0), end - begin)


@pytest.mark.parametrize("mono", [True, False])
@pytest.mark.parametrize("rate", [500e-6, 0.083, 0.1, -0.1])
def test_a_slew_is_no_step(rate: float, mono: bool) -> None:
    watch, slew = StepWatch(), slewing(rate, 10, 25)
    assert steps(watch, [tick(s, 0, slew(s), mono=mono) for s in range(60)]) == []
    # control: the same amount at once is a step
    amount = slew(60)
    if abs(amount) > 0.2:
        assert len(steps(StepWatch(), [tick(s, amount if s > 20 else 0, mono=mono) for s in range(60)])) == 1


def test_a_slew_that_turns_round_is_no_step() -> None:
    watch = StepWatch()
    moved = [min(s, 20) * 0.1 - max(0, min(s, 40) - 20) * 0.1 for s in range(60)]
    assert steps(watch, [tick(s, 0, moved[s], mono=False) for s in range(60)]) == []


def test_a_slew_that_begins_in_a_gap_and_goes_on_is_no_step() -> None:
    watch, slew = StepWatch(), slewing(0.09, 12, 40)
    assert steps(watch, [tick(s, 0, slew(s), mono=False) for s in (*range(10), *range(18, 60))]) == []


@pytest.mark.parametrize("gap", [1, 2, 5, 9, 30])
def test_without_monotonic_a_step_of_a_second_is_found_also_in_a_gap(gap: int) -> None:
    watch = StepWatch()
    found = steps(watch, [tick(s, 0, 2e-5 * s, mono=False) for s in range(10)])
    found += steps(watch, [tick(s, 1.0, 2e-5 * s, mono=False) for s in range(9 + gap, 60)])
    assert len(found) == watch.count == 1
    assert abs(found[0].step_ns - NS) < 1_000_000


def test_without_monotonic_a_step_during_a_slew_is_found() -> None:
    watch = StepWatch()
    found = steps(watch, [tick(s, 1.0 if s > 15 else 0, 0.05 * s, mono=False) for s in range(30)])
    assert len(found) == 1
    assert abs(found[0].step_ns - NS) < 10_000_000


def test_pulses_alone_show_a_step_and_a_resonator_shows_none() -> None:
    rng = random.Random(1)
    watch = StepWatch()
    found: list[ClockStep] = []
    for s in range(200):
        shown = UnixNs(T0 + s * NS + round(rng.gauss(0, 50_000)) + (-NS if s >= 120 else 0))
        found += watch.on_pulse(PpsEdge(at(s * 0.99327), shown))  # the raw clock is 6728 ppm off
    assert len(found) == 1
    assert abs(found[0].step_ns + NS) < 2_000_000


def test_edges_stamped_with_monotonic_tell_as_exactly_as_ticks() -> None:
    watch = StepWatch()
    found: list[ClockStep] = []
    for s in range(20):
        stamp = (s + 40) * NS
        found += watch.on_pulse(PpsEdge(at(s), UnixNs(T0 + s * NS + (5_000_000 if s > 9 else 0)), native="mono", stamp=stamp))
    assert [s.step_ns for s in found] == [5_000_000]


@pytest.mark.parametrize("mono", [True, False])
@pytest.mark.parametrize("declared_at", [19.99, 20.4])
def test_a_declared_step_counts_once_whether_the_jump_is_seen_before_or_after(declared_at: float, mono: bool) -> None:
    watch = StepWatch()
    out: list[ClockStep] = []
    for s in range(40):
        if 0 < s - declared_at <= 1:
            out += watch.on_applied(Applied(at(declared_at), step_ns=-2 * NS, by="chronyd"))
        out += watch.on_tick(tick(s, -2.0 if s >= 20 else 0.0, mono=mono))
    assert watch.count == len(out) == 1
    assert watch.total_ns == pytest.approx(-2 * NS, abs=1_000_000)


def test_a_small_declared_step_counts_though_no_stamp_could_show_it() -> None:
    watch = StepWatch()
    steps(watch, [tick(s, 0, mono=False) for s in range(5)])
    assert [s.by for s in watch.on_applied(Applied(at(5), step_ns=20_000, by="chronyd"))] == ["chronyd"]
    assert steps(watch, [tick(s, 2e-5, mono=False) for s in range(6, 20)]) == []


def test_pulses_and_ticks_together_count_a_step_once() -> None:
    watch = StepWatch()
    for s in range(60):
        ahead = 1.0 if s >= 30 else 0.0
        watch.on_pulse(PpsEdge(at(s), UnixNs(T0 + round((s + ahead) * NS))))
        watch.on_tick(tick(s + 0.2, ahead))
    assert watch.count == 1


def test_a_new_boot_is_no_step() -> None:
    watch = StepWatch()
    steps(watch, [tick(s, 0) for s in range(5)])
    assert watch.on_tick(Tick(RawNs(3 * NS), UnixNs(T0 + 900 * NS), 3 * NS, 200)) == []
    watch = StepWatch()
    steps(watch, [tick(s, 0, mono=False) for s in range(5)])
    assert watch.on_tick(Tick(RawNs(3 * NS), UnixNs(T0 + 900 * NS))) == []


def test_who_steers_the_clock() -> None:
    watch = StepWatch()
    watch.on_applied(Applied(at(0), freq_ppb=-3000.0, by="boot"))
    assert watch.steered is None
    for s in (1, 2):
        watch.on_applied(Applied(at(s), freq_ppb=100.0 * s, by="chronyd"))
    assert watch.steered == "chronyd"


def test_who_is_seen_to_steer_is_believed_until_nobody_is() -> None:
    watch = StepWatch()
    watch.on_applied(Applied(at(0), by="chronyd (pid 612)"))
    assert watch.steered == "chronyd (pid 612)"
    assert watch.on_applied(Applied(at(1), step_ns=NS, by="date")) != []
    assert watch.steered == "chronyd (pid 612)"
    watch.on_applied(Applied(at(2)))
    assert watch.steered is None
