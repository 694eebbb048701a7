"""The lab's picture: it is drawn, and what is drawn is what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpstime.app.lab_compare import Comparison, compare
from gpstime.report.lab_plot import figure_of, plot
from gpstime.report.lab_words import small_back

pytest.importorskip("matplotlib", reason="pictures are an extra: pip install gpstime-pi[plot]")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(0.2, lasts_s=700)


@pytest.mark.parametrize(("name", "begins"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_the_picture_is_written(comparison: Comparison, tmp_path: Path, name: str, begins: bytes) -> None:
    plot(comparison, str(tmp_path / name))
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert (tmp_path / name).stat().st_size > 20_000


def test_what_is_drawn_is_what_was_measured(comparison: Comparison) -> None:
    axes = figure_of(comparison).get_axes()
    assert len(axes) == 16
    offset, order, windows, late = (axes[i * 4 : i * 4 + 4] for i in range(4))
    slew = offset[1].get_lines()[1].get_ydata()
    assert slew[0] == pytest.approx(200)
    assert abs(slew[-1]) < 0.01
    step = offset[2].get_lines()[1]
    assert min(abs(a - b) for a, b in zip(step.get_xdata(), step.get_xdata()[1:], strict=False)) == 0  # upright
    crossing = [sum(line.get_color() == "#c0392b" and len(line.get_xdata()) == 2 for line in ax.get_lines()) for ax in order]
    assert crossing[:2] == [0, 0]
    assert crossing[2] == crossing[3] > 2
    heights = [[bar.get_height() for bar in ax.patches] for ax in windows]
    measured = [[w.events - w.expected for w in r.stamped.windows] for r in comparison.ran]
    assert heights == measured
    words = [[t.get_text() for t in ax.texts] for ax in late]
    assert words[1] == words[2] == ["time never goes back"]
    assert words[3][0].startswith("time goes back ")
    assert words[0][0].startswith("still 214 ms off")


def test_large_steps_are_not_counted_with_the_small(comparison: Comparison) -> None:
    assert comparison.ran[2].figures.back == 1
    assert small_back(comparison.ran[2]) == 0
    assert small_back(comparison.ran[3]) == comparison.ran[3].figures.back - 1 > 100


def test_a_gap_is_drawn_as_one() -> None:
    axes = figure_of(compare(-0.2, lasts_s=700)).get_axes()
    assert any("never shown" in t.get_text() for t in axes[6].texts)
    assert any("200 ms behind" in t.get_text() for t in axes[5].texts)
