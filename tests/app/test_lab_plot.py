"""The lab's picture: it is drawn, and what is drawn is what was measured."""

from __future__ import annotations

import functools
import struct
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from gpstime.app.lab_compare import SAID, Comparison, compare
from gpstime.report.lab_plot import COLOURS, WRONG, described, figure_of, plot
from gpstime.report.lab_words import DOES, STEP_AND_SLEW, small_back

pytest.importorskip("matplotlib", reason="pictures are an extra: pip install gpstime-pi[plot]")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(0.2, lasts_s=700)


@pytest.mark.parametrize(("name", "begins"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_the_picture_is_written(comparison: Comparison, tmp_path: Path, name: str, begins: bytes) -> None:
    plot(comparison, str(tmp_path / name))
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert (tmp_path / name).stat().st_size > 20_000


def text_in(png: bytes) -> dict[str, str]:
    """The text chunks of a PNG."""
    found, at = {}, 8
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind in (b"tEXt", b"iTXt"):
            key, _, rest = png[at + 8 : at + 8 + size].partition(b"\0")
            found[key.decode("latin-1")] = rest.split(b"\0")[-1].decode("utf-8" if kind == b"iTXt" else "latin-1")
        at += 12 + size
    return found


def test_the_picture_of_the_papers_is_up_to_date() -> None:
    """Its words are those of `gpstime lab compare` today; else: gpstime lab compare --plot docs/lab.png"""
    drawn = Path(__file__).resolve().parents[2] / "docs/lab.png"
    assert text_in(drawn.read_bytes())["Description"] == described(compare())


def test_what_is_drawn_is_what_was_measured(comparison: Comparison) -> None:
    axes = figure_of(comparison).get_axes()
    assert len(axes) == 16
    offset, order, windows, late = (axes[i * 4 : i * 4 + 4] for i in range(4))
    slew = offset[1].get_lines()[1].get_ydata()
    assert slew[0] == pytest.approx(200)
    assert abs(slew[-1]) < 0.01
    step = offset[2].get_lines()[1]
    assert min(abs(a - b) for a, b in zip(step.get_xdata(), step.get_xdata()[1:], strict=False)) == 0  # upright
    crossing = [sum(line.get_color() == WRONG and len(line.get_xdata()) == 2 for line in ax.get_lines()) for ax in order]
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


def test_the_words_are_explained_where_they_are_used(comparison: Comparison) -> None:
    figure = figure_of(comparison)
    assert STEP_AND_SLEW in " ".join(figure.get_suptitle().split())
    for ax, ran in zip(figure.get_axes(), comparison.ran, strict=False):
        assert [t.get_text() for t in ax.texts][-2:] == [SAID[ran.name], DOES[ran.name]]
    assert DOES.keys() == SAID.keys() == COLOURS.keys()
    assert WRONG not in COLOURS.values(), "red says that something is wrong"


def written(figure: Any) -> list[tuple[str, Any]]:
    """Every text of the picture with the box that it takes."""
    figure.canvas.draw()
    axes = figure.get_axes()
    texts = [figure._suptitle, *(t for ax in axes for t in [*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label])]
    for ax in axes:
        low, high = ax.get_xlim()
        texts += [t for t in ax.get_xticklabels() if low <= t.get_position()[0] <= high]  # others are not drawn
    return [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text().strip()]


def over_each_other(found: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    apart = 0.5  # of a pixel: neighbours may touch
    return [
        (a, b)
        for (a, one), (b, other) in combinations(found, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > apart and min(one.y1, other.y1) - max(one.y0, other.y0) > apart
    ]


@functools.cache
def with_the_kernel() -> Comparison:
    return compare(-0.4, lasts_s=900, kernel=True)


@pytest.mark.parametrize("columns", [1, 2, 4, 6])
def test_no_words_lie_over_others_or_beyond_the_edge(columns: int) -> None:
    """A column alone has the least room for the heading."""
    figure = figure_of(replace(with_the_kernel(), ran=with_the_kernel().ran[-columns:]))
    found = written(figure)
    assert over_each_other(found) == []
    width, height = figure.canvas.get_width_height()
    for said, box in found:
        assert 0 <= box.x0 < box.x1 <= width, said
        assert 0 <= box.y0 < box.y1 <= height, said
    assert over_each_other([*found, found[0]]) != []  # the check sees what lies over another


@pytest.mark.parametrize(("x0_s", "says", "short"), [(900.0, "15 min at once", 2), (0.0003, "523 us at once", 4)])
def test_very_large_and_very_small_errors_are_readable(x0_s: float, says: str, short: int) -> None:
    figure = figure_of(compare(x0_s, lasts_s=90))
    assert over_each_other(written(figure)) == []
    texts = [t.get_text() for ax in figure.get_axes() for t in ax.texts]
    assert says in texts
    assert texts.count("too short for 5 minutes") == short
