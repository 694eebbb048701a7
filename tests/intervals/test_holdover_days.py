"""A small seeded part of `holdover_days.py`: bounds hold where the filter's levels alone would not; how forecasts are scored."""

from __future__ import annotations

import pytest
from holdover_days import LENGTHS_S, Outage, failures, run, width

from gpstime.core import wander
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
    assert failures("walk", 600, [good] * 95 + [off] * 5) == []
    assert "held in 90.0%" in failures("walk", 600, [good] * 90 + [off] * 10)[0]
    assert "held in 100.0%" in failures("walk", 600, [good] * 100)[0]
    wide = failures("walk", 600, [Outage(50.0, 200.0, 50.0)] * 95 + [Outage(201.0, 200.0, 50.0)] * 5)
    assert "4.00 times as wide" in wide[0]


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
