"""Around the loop: every way between the modes, what is stepped and what waits, what forbids to steer, how the bound adds up."""

from __future__ import annotations

import itertools
import math

import pytest

from gpstime.core.bound import Biases, Coverage, Noise, error_bound, noise_after
from gpstime.core.forbids import CALM_S, REFUSED_S, Forbids
from gpstime.core.modes import BACK, ENTER, LOST_S, TABLE, Facts, Modes
from gpstime.core.phase import Phase
from gpstime.core.policy import Policy, Verdict
from gpstime.core.surprise import EXPLAINED_S, Expectation
from gpstime.core.train import Pulse
from gpstime.errors import UsageError
from gpstime.model import Applied, BoundStatus, ClockStep, Mode, PpsEdge
from gpstime.times import NS, RawNs, TaiNs, UnixNs, UtcTime

A, T, H, F, X = Mode.ACQUIRING, Mode.TRACKING, Mode.HOLDOVER, Mode.FREE_RUNNING, Mode.FAULTED
GOOD = Facts(row=ENTER, since_s=0.0, bound_ns=1e3, free_ns=1e6)
LOST = Facts(row=0, since_s=LOST_S + 1, bound_ns=1e3, free_ns=1e6)
WIDE = Facts(row=0, since_s=3600.0, bound_ns=2e6, free_ns=1e6)
FORBIDDEN = Facts(row=ENTER, forbids="because")
FEW = Facts(row=BACK, since_s=0.0, bound_ns=1e3, free_ns=1e6)


def at(seconds: float) -> RawNs:
    return RawNs(round(seconds * NS))


# ---- modes -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "facts", "new"),
    [
        *[(A, f, n) for f, n in ((GOOD, T), (LOST, None), (WIDE, None), (FORBIDDEN, X), (FEW, None))],
        *[(T, f, n) for f, n in ((GOOD, None), (LOST, H), (WIDE, H), (FORBIDDEN, X), (FEW, None))],
        *[(H, f, n) for f, n in ((GOOD, T), (LOST, None), (WIDE, F), (FORBIDDEN, X), (FEW, T))],
        *[(F, f, n) for f, n in ((GOOD, T), (LOST, None), (WIDE, None), (FORBIDDEN, X), (FEW, T))],
        *[(X, f, n) for f, n in ((GOOD, A), (LOST, A), (WIDE, A), (FORBIDDEN, None), (FEW, A))],
    ],
)
def test_every_mode_in_every_situation(old: Mode, facts: Facts, new: Mode | None) -> None:
    modes = Modes()
    modes.mode = old
    change = modes.look(RawNs(7), facts)
    assert (None if change is None else change.new) is new
    if change is not None:
        assert (change.at, change.old, modes.mode) == (7, old, new)
        assert change.why == modes.why != ""


def test_the_table_has_each_way_once_and_every_mode_can_be_left() -> None:
    ways = [(old, way.new) for way in TABLE for old in way.old]
    assert len(ways) == len(set(ways))
    assert {old for old, _ in ways} == set(Mode) == {new for _, new in ways}


def test_a_gap_in_the_middle_of_the_hysteresis_changes_nothing() -> None:
    modes = Modes()
    modes.mode = T
    assert modes.look(RawNs(0), Facts(row=0, since_s=LOST_S)) is None


# ---- policy ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "offset_ms", "updates", "explained", "verdict"),
    [
        (Policy(), 0.9, 0, False, Verdict.SLEW),
        (Policy(), 1.1, 0, False, Verdict.STEP),
        (Policy(), -1.1, 0, False, Verdict.STEP),
        (Policy(), 127.0, 1, False, Verdict.SLEW),
        (Policy(), -129.0, 1, False, Verdict.STEP),
        (Policy(step_ns=0), 500.0, 1, False, Verdict.SLEW),
        (Policy(first_step_ns=0), 100.0, 0, False, Verdict.SLEW),
        (Policy(step_updates=3), 200.0, 2, False, Verdict.STEP),
        (Policy(step_updates=3), 200.0, 3, False, Verdict.SLEW),
        (Policy(step_updates=0), 200.0, 0, False, Verdict.SLEW),
        (Policy(), 1e9, 0, False, Verdict.STEP),
        (Policy(), 1.1e6, 5, False, Verdict.PANIC),
        (Policy(), -1.1e6, 5, False, Verdict.PANIC),
        (Policy(), 1.1e6, 5, True, Verdict.STEP),
        (Policy(panic_ns=0), 1.1e6, 5, False, Verdict.STEP),
        (Policy(never_back=True), 200.0, 0, False, Verdict.SLEW),
        (Policy(never_back=True), -200.0, 0, False, Verdict.STEP),
    ],
)
def test_step_or_slew(policy: Policy, offset_ms: float, updates: int, explained: bool, verdict: Verdict) -> None:
    assert policy.verdict(offset_ms * 1e6, updates, explained) is verdict


@pytest.mark.parametrize(
    "bad",
    [{"max_slew_ppb": 6e5}, {"max_slew_ppb": 0.0}, {"step_ns": -1}, {"panic_ns": -1}, {"stepout_s": -1.0}, {"step_updates": -1}],
)
def test_a_policy_that_makes_no_sense(bad: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Policy(**bad)  # type: ignore[arg-type]


# ---- surprises ---------------------------------------------------------------------------------------------------------------


def expecting() -> Expectation:
    made = Expectation(300.0)
    made.left(at(0), 0.0)
    return made


def test_an_offset_that_nothing_explains_must_last() -> None:
    e = expecting()
    assert e.wait(at(1), 1e9) == (True, True)
    assert e.wait(at(2), 1e9) == (True, False), "it is news once"
    assert e.wait(at(300.5), 1e9) == (True, False)
    assert e.wait(at(301), 1e9) == (False, False)


def test_one_that_goes_away_is_forgotten_and_another_begins_anew() -> None:
    e = expecting()
    e.wait(at(1), 1e9)
    assert e.wait(at(200), 0.0) == (False, False)
    assert e.wait(at(302), 1e9) == (True, True)
    assert e.wait(at(500), -1e9) == (True, True)
    assert e.wait(at(602), -1e9) == (True, False)


def test_a_step_that_was_seen_explains_an_offset_but_no_other() -> None:
    e = expecting()
    e.on_step(ClockStep(at(1), 7 * NS, ""))
    assert e.wait(at(1), 7e9) == (True, False)
    assert e.explained
    assert e.wait(at(1 + EXPLAINED_S), 7e9) == (False, False)
    assert "stepped" in e.why
    assert e.wait(at(5), 8e9) == (True, True)
    assert not e.explained


def test_our_own_steps_explain_nothing() -> None:
    e = expecting()
    e.on_step(ClockStep(at(1), NS, "gpstime"))
    assert e.wait(at(1), 1e9) == (True, True)


def test_a_leap_second_explains_a_second_at_once() -> None:
    e = expecting()
    before, after = UtcTime.civil(2016, 12, 31, 23, 59, 59), UtcTime.civil(2017, 1, 1)
    leap = UtcTime.civil(2016, 12, 31, 23, 59, 60)
    e.on_second(before, TaiNs(before.unix + 36 * NS))
    e.on_second(leap, TaiNs(before.unix + 37 * NS))
    e.on_second(after, TaiNs(after.unix + 37 * NS))
    assert e.wait(at(3), 1e9) == (False, False)
    assert "leap" in e.why


def test_what_others_did_is_in_the_bound_until_it_is_undone() -> None:
    e = expecting()
    assert e.moved_ns == 0.0
    e.on_step(ClockStep(at(1), -NS, ""))
    assert e.moved_ns == NS
    e.on_step(ClockStep(at(2), NS // 2, ""))
    assert e.moved_ns == NS // 2
    e.wait(at(3), -3e9)
    assert e.moved_ns == 3e9, "what is there counts"
    e.left(at(4), 0.0)
    assert e.moved_ns == 0.0


def test_a_pulse_without_a_name_shows_a_jump_and_how_far_the_clock_has_drifted() -> None:
    e = Expectation(300.0)
    e.unverified(at(1), UnixNs(5 * NS + 300_000_000), None)
    assert e.moved_ns == 0.0, "nothing is expected of a clock that was never acted on"
    e.left(at(10), 0.0, apart_ns=100 * NS)
    e.unverified(at(70), UnixNs(170 * NS - 40_000), None)
    assert e.moved_ns == 40_000.0
    e.unverified(at(71), UnixNs(172 * NS), None)
    assert e.moved_ns == NS, "a whole second is seen too"
    e.unverified(at(72), UnixNs(172 * NS), 9 * NS)
    assert e.moved_ns == 9 * NS, "a name that is in doubt may be right"


def test_what_a_crystal_may_have_done_in_a_day_is_no_surprise_a_second_is() -> None:
    assert expecting().wait(at(86_400), 0.4e9) == (False, False)
    assert expecting().wait(at(86_400), 1e9) == (True, True)
    assert Expectation(300.0).wait(at(1), 1e18) == (False, False), "nothing is expected yet"


# ---- what forbids ------------------------------------------------------------------------------------------------------------


def test_a_refusal_counts_for_an_hour() -> None:
    f = Forbids(takeover=False)
    f.on_applied(Applied(at(1), refused="NOT_PERMITTED: x"))
    assert f.why(at(1 + REFUSED_S)) == "NOT_PERMITTED: x"
    assert not f.why(at(2 + REFUSED_S))


def test_a_rival_until_nobody_steers_or_it_is_calm() -> None:
    f, over = Forbids(takeover=False), Forbids(takeover=True)
    for who in (f, over):
        who.on_applied(Applied(at(1), by="chronyd (pid 612)"))
    assert "chronyd (pid 612) steers" in f.why(at(1e6))
    assert not over.why(at(1))
    f.on_applied(Applied(at(2)))
    assert not f.why(at(2))
    f.on_applied(Applied(at(3), 500.0, by="chrony"))
    assert f.why(at(3 + CALM_S))
    assert not f.why(at(4 + CALM_S))


@pytest.mark.parametrize(
    "ours", [Applied(at(1), 5.0, by="gpstime"), Applied(at(1), 5.0, by="fallback"), Applied(at(1), None, 5, by="date")]
)
def test_what_we_do_and_a_step_by_others_forbid_nothing(ours: Applied) -> None:
    f = Forbids(takeover=False)
    f.on_applied(ours)
    assert not f.why(at(1))


def test_a_counter_that_loses_ticks_and_one_odd_pulse() -> None:
    f = Forbids(takeover=False)
    for n, (raw, fault) in enumerate([(0, ""), (1.0, ""), (1.55, ""), (2.55, ""), (3.1, ""), (3.65, ""), (4.2, ""), (4.75, "x")]):
        f.on_pulse(Pulse(at(raw), n, PpsEdge(at(raw), UnixNs(0))))
        assert bool(f.why(at(raw))) is bool(fault), n
    assert "timer fault" in f.why(at(5))


# ---- the bound ---------------------------------------------------------------------------------------------------------------


def settled() -> Phase:
    phase = Phase()
    for n, late in zip(range(400), itertools.cycle([90.0, -110.0, 30.0, -10.0])):
        phase.add(n, late)
    return phase


def test_biases_add_up_and_noise_adds_in_quadrature() -> None:
    phase = settled()
    b = error_bound(phase, Biases(60.0, 50.0, 3000.0), T, at(5), 0.0, -40.0, 30.0)
    p = b.parts
    sigma = math.sqrt(p["fit"] ** 2 + p["jitter"] ** 2 + p["age"] ** 2 + p["wander"] ** 2)
    assert b.bound_ns == pytest.approx(60 + 50 + 3000 + 40 + 1.96 * sigma)
    assert b.status is BoundStatus.SYNCHRONIZED
    assert p["left"] == 40.0
    assert p["jitter"] == pytest.approx(30 / math.sqrt(3))


def test_the_bound_grows_as_it_said_until_it_is_void() -> None:
    phase = settled()
    first = error_bound(phase, Biases(), H, at(0), 10.0, 0.0, 0.0)
    for later in (1.0, 5.0, 20.0, 63.0):
        then = error_bound(phase, Biases(), H, at(later), 10.0 + later, 0.0, 0.0)
        assert then.bound_ns <= first.at_time(at(later)) * (1 + 1e-9)
    assert first.at_time(at(65)) == math.inf
    assert error_bound(phase, Biases(), F, at(0), 86_400.0, 0.0, 0.0).bound_ns > 10 * first.bound_ns


def test_nothing_is_known_before_there_is_an_estimate() -> None:
    b = error_bound(Phase(), Biases(), T, at(0), 0.0, 0.0, 0.0)
    assert (b.bound_ns, b.status, b.parts) == (math.inf, BoundStatus.UNKNOWN, {})


def test_the_meter_counts() -> None:
    meter, noise = Coverage(), Noise(3.0, 4.0, 0.0, 0.0)
    assert meter.share is None
    for offset in (0.0, 109.0, 110.0 + 1.96 * 13.0 - 0.1, 110.0 + 1.96 * 13.0 + 0.1):
        meter.add(offset, -110.0, noise, 12.0)
    assert meter.share == 0.75


def test_the_doubt_of_a_filter_is_the_sum_of_its_parts() -> None:
    """Against the filter's own forecast, which has them in one."""
    phase = settled()
    for later in (1.0, 60.0, 3600.0):
        n = noise_after(phase, later)
        assert n.sigma_ns == pytest.approx(phase.doubt_ns(later), rel=0.05)
