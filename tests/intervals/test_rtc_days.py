"""A small seeded part of `rtc_days.py`: the interval of a day's mean holds, is narrow, and no day is broken without cause."""

from __future__ import annotations

import pytest
from rtc_days import LEAST_COVERAGE, MOST_HALF_PPB, Day, days, failures


@pytest.mark.parametrize("kind", ["gauss", "uniform", "brackets"])
def test_seeded_days_of_a_tcxo(kind: str) -> None:
    found = days(kind, "tcxo", 24)
    assert sum(day.holds for day in found) >= 22
    assert [day.stretches for day in found] == [1] * 24
    assert max((day.hi - day.lo) / 2 for day in found) <= MOST_HALF_PPB
    # narrow enough that it could fail: an interval ten times as wide says nothing
    assert min((day.hi - day.lo) / 2 for day in found) > 0.1
    assert max(abs(day.truth) for day in found) > 100 * MOST_HALF_PPB


def test_a_day_of_a_tuning_fork() -> None:
    found = days("gauss", "fork", 8)
    assert sum(day.holds for day in found) >= 7
    assert [day.stretches for day in found] == [1] * 8


def test_what_does_not_hold_is_said() -> None:
    good, off, wide, broken = Day(-1, 1, 0, 1), Day(-1, 1, 2, 1), Day(-3, 3, 0, 1), Day(-1, 1, 0, 2)
    assert failures("gauss", "tcxo", [good] * 100) == []
    assert "covered in 90.0%" in failures("gauss", "tcxo", [good] * 90 + [off] * 10)[0]
    assert "wider than +-2 ppb in 2.0%" in failures("gauss", "tcxo", [good] * 98 + [wide] * 2)[0]
    assert "2.0% of the days are broken" in failures("gauss", "tcxo", [good] * 98 + [broken] * 2)[0]
    assert LEAST_COVERAGE == 0.93
