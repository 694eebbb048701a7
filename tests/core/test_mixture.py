"""Quantiles against tables and against the standard library."""

from __future__ import annotations

from statistics import NormalDist

import pytest

from gpstime.core.line import through
from gpstime.core.mixture import mixture_quantile, t_over_normal


@pytest.mark.parametrize("level", [0.015, 0.025, 0.5, 0.975, 0.985])
def test_one_component_is_a_gaussian(level: float) -> None:
    assert mixture_quantile([1.0], [3.0], [2.0], level) == pytest.approx(NormalDist(3.0, 2.0).inv_cdf(level))


def test_two_components_split_the_probability() -> None:
    # half of the mass far left, half far right: the upper 2.5 % are the upper 5 % of the right one
    found = mixture_quantile([0.5, 0.5], [-100.0, 100.0], [1.0, 3.0], 0.975)
    assert found == pytest.approx(NormalDist(100.0, 3.0).inv_cdf(0.95))


def test_a_wide_component_of_small_weight_widens_the_tail() -> None:
    narrow = mixture_quantile([1.0], [0.0], [1.0], 0.985)
    assert mixture_quantile([0.97, 0.03], [0.0, 0.0], [1.0, 50.0], 0.985) > 1.4 * narrow


# Student's t, two-sided 95 %: any table
@pytest.mark.parametrize(("dof", "t"), [(3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980)])
def test_students_t(dof: int, t: float) -> None:
    assert 1.95996 * t_over_normal(0.975, dof) == pytest.approx(t, rel=0.03 if dof == 3 else 0.005)


def test_a_line_through_points_of_which_a_third_are_wrong() -> None:
    t = [float(k) for k in range(32)]
    z = [1000.0 + 7.0 * k + (-1) ** k for k in t]
    for k in (1, 4, 5, 6, 13, 17, 20, 21, 28, 31):
        z[k] += 5e5 * (1 if k % 3 else -1)
    line = through(t, z, 0.3)
    assert line.y == pytest.approx(7.0, abs=0.2)
    assert line.x == pytest.approx(1000.0, abs=3.0)
    assert all((w < 0.01) == (abs(zi - 1000 - 7 * ti) > 100) for w, zi, ti in zip(line.weights, z, t, strict=True))
    assert line.spread < 4.0


def test_a_bend_is_no_noise() -> None:
    t = [float(k) for k in range(32)]
    z = [50.0 * k * k + (3.0 if k % 2 else -3.0) for k in t]
    line = through(t, z, 0.3)
    assert line.spread > 1000
    assert line.noise < 70
