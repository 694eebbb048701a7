"""A small seeded part of `holdover_days.py`: bounds hold where the filter's levels alone would not; how forecasts are scored."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from compiled_filter import float_sums, needed
from holdover_days import LENGTHS_S, Outage, failures, run, width

from gpstime.core import factors, phase, wander
from gpstime.core.phase import Phase

HALF_DAY = LENGTHS_S.index(9_000)
DAY = LENGTHS_S.index(86_400)


def held(runs: list[list[Outage]], length: int) -> float:
    return sum(outages[length].held for outages in runs) / len(runs)


def test_the_days_temperature_is_in_the_bound_and_without_scores_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [run("day", seed, False, days=2.0) for seed in range(24)]
    assert held(runs, HALF_DAY) >= 0.85
    assert held(runs, DAY) >= 0.85
    monkeypatch.setattr(wander.Wander, "look", lambda self, phase: None)
    twins = [run("day", seed, False, days=2.0) for seed in range(24)]
    assert held(twins, HALF_DAY) < 0.75
    assert held(twins, DAY) < 0.8


def test_loads_that_come_and_go_make_no_walk_of_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [run("loads", seed, False, days=1.5) for seed in range(24)]
    assert held(runs, DAY) >= 0.85
    assert width([outages[DAY] for outages in runs]) < 2.0
    monkeypatch.setattr(wander.Wander, "look", lambda self, phase: None)
    twins = [run("loads", seed, False, days=1.5) for seed in range(24)]
    assert width([outages[DAY] for outages in twins]) > 2.5


def test_the_real_filter_after_an_hour() -> None:
    runs = [run("walk", seed, True, days=1 / 24) for seed in range(12)]
    for length in range(len(LENGTHS_S)):
        assert held(runs, length) >= 9 / 12
        assert 0.4 < width([outages[length] for outages in runs]) < 2.5


def test_what_does_not_hold_is_said() -> None:
    good, off = Outage(90.0, 100.0, 50.0), Outage(101.0, 100.0, 50.0)
    assert failures("walk", 600, [good] * 1900 + [off] * 100) == []
    assert "held in 92.0%" in failures("walk", 600, [good] * 1840 + [off] * 160)[0]
    assert "held in 98.0%" in failures("walk", 600, [good] * 1960 + [off] * 40)[0]
    assert failures("day", 600, [good] * 2000, judged=False) == []
    assert "held in 92.0%" in failures("day", 600, [good] * 1840 + [off] * 160, judged=False)[0]
    wide = failures("walk", 600, [Outage(50.0, 200.0, 50.0)] * 1900 + [Outage(201.0, 200.0, 50.0)] * 100)
    assert "4.00 times as wide" in wide[0]
    # of a few runs chance is allowed for
    assert failures("walk", 600, [good] * 92 + [off] * 8) == []
    assert "held in 85.0%" in failures("walk", 600, [good] * 85 + [off] * 15)[0]


def test_the_compiled_filter_is_made_of_the_same_source() -> None:
    assert float_sums("x = sum(v) / sum((a for a in b), 1) + len(v)") == "x = sum(v, 0.0) / sum((a for a in b), 1) + len(v)"
    found = needed(Path(phase.__file__).parent)
    assert {"phase", "wander", "two_state", "jumps", "factors"} <= set(found)
    assert "bound" not in found


# ---- the scores themselves -----------------------------------------------------------------------------------------------------


def still(n: int) -> Phase:
    """A filter that says that nothing moves, to 100 ns."""
    phase = Phase()
    phase.last, phase.pulses, phase.pxx = n, 1_000, 1e4
    phase.levels.q = phase.levels.w = 1e-6
    return phase


def scored(rate_ppb: float, step: int = 75, until: int = 60_000, gap: tuple[int, int] = (0, 0)) -> wander.Wander:
    found = wander.Wander()
    for n in range(0, until, step):
        if not gap[0] <= n < gap[1]:
            phase = still(n)
            phase.x = rate_ppb * n
            found.look(phase)
    return found


def test_nothing_scored_changes_nothing() -> None:
    found = wander.Wander()
    assert [found.factor(t) for t in (1.0, 600.0, 1e6)] == [1.0, 1.0, 1.0]


def test_forecasts_that_miss_by_ten_sigma_make_the_bound_wider_and_good_ones_narrower() -> None:
    assert scored(10.0).factor(300.0) == pytest.approx(3_000.0 / 100.0 / 1.96, rel=0.6)
    assert scored(0.0001).factor(300.0) < 0.2
    assert scored(10.0).factor(10.0) == 1.0


WALK_NS = [(t**3 / 3.0) ** 0.5 for t in wander.LEADS_S]


def test_a_crystal_that_only_walks_stays_one_however_far_ahead() -> None:
    short: list[factors.Seen] = [(0.05, 0.02), (-0.05, 0.04), (0.1, 0.1), (0.0, 0.2), None, None, None, None, None]
    ln = factors.factors(wander.LEADS_S, WALK_NS, short)
    assert max(map(abs, ln)) < 0.3
    free = factors.follow(short, factors.FREE)[1]
    assert free[-1][1] > 0.3  # without the plain answer beside it, a day ahead would be anybody's guess


def test_a_swing_that_begins_to_show_is_carried_to_the_day() -> None:
    """Scores up to 80 minutes of a swing of 1 ppm: the factor of a day is foretold, though nothing of it was scored."""
    true = [0.5 * math.log1p((1_000.0 * factors.swing(t) / s) ** 2) for t, s in zip(wander.LEADS_S, WALK_NS, strict=True)]
    seen: list[factors.Seen] = [(x, 0.02 * (i + 1)) if i < 5 else None for i, x in enumerate(true)]
    ln = factors.factors(wander.LEADS_S, WALK_NS, seen)
    assert true[-1] > 0.7
    assert 0.8 * true[-1] < ln[-1] < true[-1] + factors.UNSEEN
    assert factors.factors(wander.LEADS_S, WALK_NS, [(0.0, 0.05 * (i + 1)) if i < 5 else None for i in range(9)])[-1] < 0.2


def test_how_far_forecasts_can_be_relied_on() -> None:
    found = wander.Wander()
    assert found.seen_s == 0.0
    assert scored(1.0, until=1_000).seen_s == 0.0
    assert scored(1.0, until=2_000).seen_s == 300.0
    assert scored(1.0).seen_s == 9_600.0


def test_a_forecast_that_no_pulse_could_score_is_dropped() -> None:
    whole, holed = scored(1.0), scored(1.0, gap=(1_000, 59_000))
    assert len(whole.leads[0].sizes) > 200
    assert len(holed.leads[0].sizes) < 30
    assert len(holed.leads[4].sizes) == 0
    whole.forget()
    assert not any(lead.waiting for lead in whole.leads)
    assert len(whole.leads[0].sizes) > 200


def test_scores_are_bounded() -> None:
    lead = wander.Lead(300)
    for n in range(3 * wander.KEPT):
        lead.score(float(n % 7))
    assert len(lead.sizes) == len(lead.scores) == wander.KEPT
    assert lead.sizes == sorted(lead.scores)
