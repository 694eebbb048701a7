"""The lab's comparison: what each policy does to a clock and to a log, on the terminal, as JSON and as a picture."""

from __future__ import annotations

import functools
import json
import re
import sys
from array import array
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from gpstime.app.lab_compare import FOUR, KERNEL, Comparison, Ran, compare, long_enough, policies
from gpstime.app.lab_course import Course, figures
from gpstime.app.lab_events import MS, WINDOW_S, around, nice, rate_for, stamped
from gpstime.cli import main
from gpstime.core.corrections import Corrections
from gpstime.errors import UsageError
from gpstime.model import Applied
from gpstime.report.lab_text import text
from gpstime.report.lab_words import STEP_AND_SLEW, headline, rows, settled_s
from gpstime.times import NS, RawNs

ROOT = Path(__file__).resolve().parents[2]
SHORT = ["--for", "12m", "--x0", "300ms"]


@functools.cache
def ran(x0_s: float = 0.3, kernel: bool = False) -> Comparison:
    return compare(x0_s, lasts_s=780, kernel=kernel)


def of(name: str, x0_s: float = 0.3) -> Ran:
    return next(r for r in ran(x0_s).ran if r.name == name)


# ---- what must be seen -----------------------------------------------------------------------------------------------------------


def test_all_runs_have_the_same_crystal_and_pulse() -> None:
    first, *others = (r.course for r in ran(kernel=True).ran)
    for course in others:
        assert course.raw == first.raw
        assert course.true_ns == first.true_ns
        assert course.offset_ns[0] == first.offset_ns[0] == 300_000_000
        assert course.acted_ns() is None or course.acted_ns() == others[0].acted_ns()


def test_no_correction_is_the_crystal() -> None:
    f = of("none").figures
    assert of("none").course.acted_ns() is None
    assert f.settled_s is None
    assert f.last_ns - f.first_ns == pytest.approx(780 * 20_000, rel=1e-3)
    assert f.worst_rate_ppb == pytest.approx(20_000, abs=20)


def test_a_slew_keeps_order_and_takes_as_long_as_it_must() -> None:
    slew = of("slew-only")
    assert (slew.figures.back, slew.figures.forward, slew.stamped.reordered, slew.stamped.duplicated) == (0, 0, 0, 0)
    assert settled_s(slew) == pytest.approx(0.3 / 480e-6, rel=0.01)
    assert slew.figures.worst_rate_ppb == pytest.approx(-480_000, abs=100)
    stamps = [slew.course.shown(t) for t in range(0, 700 * NS, NS // 7)]
    assert all(a < b for a, b in pairwise(stamps))


def test_a_step_back_is_right_at_once_and_shows_time_twice() -> None:
    step = of("step-128ms")
    f, s = step.figures, step.stamped
    assert (f.back, f.forward) == (1, 0)
    assert f.most_back_ns == f.repeated_ns == pytest.approx(300e6, rel=1e-2)
    assert settled_s(step) == pytest.approx(1, abs=1)
    assert 25 <= s.reordered <= 31  # what comes in the 0.3 s that are shown a second time
    assert s.duplicated > 0
    assert s.worst_window == pytest.approx(30, abs=1)


def test_a_step_forward_leaves_a_gap_and_keeps_order() -> None:
    step = of("step-128ms", -0.3)
    assert (step.figures.back, step.figures.forward) == (0, 1)
    assert (step.stamped.reordered, step.stamped.duplicated) == (0, 0)
    assert step.stamped.worst_window == pytest.approx(-30, abs=1)


def test_below_the_threshold_nothing_is_stepped() -> None:
    assert of("step-128ms", 0.1).figures == of("slew-only", 0.1).figures
    assert of("step-128ms", 0.1).figures.back == 0
    assert of("step-always", 0.1).figures.most_back_ns > 99_000_000


def test_stepping_always_puts_time_back_for_ever() -> None:
    always = of("step-always")
    assert always.figures.back > 200
    assert always.figures.forward > 200
    later = [ns for at, ns in always.course.steps if at > 60 * NS]
    assert len(later) > 400
    assert max(map(abs, later)) < 2000


def test_what_is_too_many_is_the_same_for_a_slew_and_a_step() -> None:
    slew, step = (sum(w.events - w.expected for w in ran(0.1).ran[i].stamped.windows) for i in (1, 3))
    assert slew == pytest.approx(step, abs=2)
    assert step == pytest.approx(10, abs=2)


def test_the_kernel_left_to_itself() -> None:
    pll, adjtime = (next(r for r in ran(kernel=True).ran if r.name == name) for name in KERNEL)
    assert min(pll.course.offset_ns) < -5_000_000  # it overshoots
    assert pll.figures.worst_rate_ppb == pytest.approx(-0.3e9 / 64, rel=0.02)
    assert adjtime.figures.worst_rate_ppb == pytest.approx(-480_000, abs=200)
    assert adjtime.figures.settled_s is None  # the drift of 64 s comes back each 64 s
    assert max(adjtime.course.offset_ns[-70:]) == pytest.approx(64 * 20_000, rel=0.1)
    assert all(r.figures.back == 0 for r in (pll, adjtime))


def test_a_slower_slew_takes_longer() -> None:
    slow = compare(0.01, lasts_s=300, max_slew_ppm=100).ran[1]
    assert settled_s(slow) == pytest.approx(0.01 / 80e-6, rel=0.05)


# ---- parts -----------------------------------------------------------------------------------------------------------------------


def course(*applied: Applied, x0_ns: int = 0, seconds: int = 700) -> Course:
    corrections = Corrections()
    for a in applied:
        corrections.add(a)
    axis = array("q", (k * NS for k in range(seconds + 1)))
    return Course(axis, axis, x0_ns, corrections, 1_772_366_400 * NS)


def test_a_clock_that_only_passes_by_is_not_settled() -> None:
    passing = course(Applied(RawNs(0), -1000.0), x0_ns=700_000)
    assert passing.offset_ns[-1] == 0
    assert figures(passing).settled_s is None
    assert figures(course(Applied(RawNs(0), -1000.0), Applied(RawNs(600 * NS), 0.0), x0_ns=600_000)).settled_s == 590


def test_a_window_is_counted_only_if_it_is_whole() -> None:
    right = stamped(course(), Random(1))
    assert [(w.start_s, w.events) for w in right.windows] == [(0.0, 30_000), (300.0, 30_000)]
    behind = stamped(course(x0_ns=-NS), Random(1))
    assert [w.start_s for w in behind.windows] == [0.0, 300.0]
    ahead = stamped(course(x0_ns=NS), Random(1))
    assert [w.start_s for w in ahead.windows] == [300.0]
    assert [w.start_s for w in stamped(course(x0_ns=NS), Random(1), 2 * NS).windows] == [0.0, 300.0]


def test_a_step_of_whole_slots_gives_every_stamp_twice() -> None:
    back = course(Applied(RawNs(50 * NS), None, -100 * MS))
    assert stamped(back, Random(1)).reordered == pytest.approx(10, abs=1)

    class NotRandom(Random):
        def random(self) -> float:
            return 0.25

    assert stamped(back, NotRandom()).duplicated == 10
    assert stamped(course(), NotRandom()).duplicated == 0


def test_long_runs_have_fewer_events_and_ends_that_fit() -> None:
    assert (rate_for(1800 * NS), rate_for(86_400 * NS)) == (100, 2)
    assert [nice(n * MS) for n in (1, 3, 7, 100, 499)] == [n * MS for n in (1, 2, 5, 100, 200)]
    assert around(10 * NS, 400 * MS, 2, 3).true_ns == tuple(n * 100 * MS for n in (99, 100, 101, 102, 103))
    assert long_enough(0.4, 20, 500) == 1800
    assert long_enough(-2, 20, 500) == 300 + 5417
    assert long_enough(1000, 20, 10) == 1800  # it never arrives


# ---- the page --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [72, 80, 132])
@pytest.mark.parametrize("x0_s", [0.3, -0.3])
def test_the_page_fits_and_is_plain(x0_s: float, width: int) -> None:
    page = text(ran(x0_s), width)
    assert max(map(len, page.splitlines())) <= width
    assert page.isascii()
    assert page.startswith("SIMULATED")
    assert STEP_AND_SLEW in " ".join(page.split())
    assert page.count("(") == page.count(")")


def test_the_page_says_what_the_figures_say() -> None:
    page = text(ran(), 80)
    assert re.search(r"^slew only: right after 10 min \d+ s; all in order, at rates up to -480 ppm$", page, re.MULTILINE)
    assert re.search(r"^step > 128 ms: right after 1 s; 300 ms shown twice, \d+ events out of order$", page, re.MULTILINE)
    log = re.search(r"^true time.*\n((?:\d\d:.*\n)+)", page, re.MULTILINE)
    assert log is not None
    marks = [line.count("<") for line in log[1].splitlines()]
    assert marks.count(2) == 1  # both that step, once
    assert marks.count(0) == len(marks) - 1
    assert " 300 ms never shown" in text(ran(-0.3), 80)
    assert all(len(words) == 4 for _, words in rows(ran()))
    table = dict(rows(ran()))
    assert table["  shown twice in all"][:3] == ["0", "0", "300 ms"]
    assert table["5 min of 30000, off by"][2] == "+30"
    assert headline(of("none")).endswith("and growing; order and counts are kept")


def test_with_the_kernel_the_table_goes_on_below() -> None:
    page = text(ran(kernel=True), 80)
    assert page.count("within 10 us after") == 2
    assert max(map(len, page.splitlines())) <= 80
    assert text(ran(kernel=True), 132).count("within 10 us after") == 1


# ---- the command -----------------------------------------------------------------------------------------------------------------


def test_json_is_what_the_paper_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "compare", *SHORT, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    paper = (ROOT / "docs/json.md").read_text(encoding="utf-8")
    for section, keys in (("# gpstime lab compare --json", found), ("# A policy of the lab", found["policies"][0])):
        body = paper.split(section)[1].split("\n#")[0]
        told = [key for row in re.findall(r"^\| (`.*?) \|", body, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)]
        assert told == list(keys)
    assert [p["policy"] for p in found["policies"]] == list(FOUR)
    words = re.search(r"\| `policy` \| (.*) \|", paper)
    assert words is not None
    assert set(words[1].split(", ")) == {*policies(), *KERNEL}
    assert found["policies"][2]["windows"][0] == {"utc": "2026-03-01T12:00:00Z", "events": 30030, "expected": WINDOW_S * 100}


def test_the_same_seed_gives_the_same_page(capsys: pytest.CaptureFixture[str]) -> None:
    pages = []
    for seed in ("3", "3", "4"):
        assert main(["lab", "compare", "--for", "90s", "--seed", seed]) == 0
        pages.append(capsys.readouterr().out)
    assert pages[0] == pages[1] != pages[2]


def test_too_short_for_a_second(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpstime.app.lab_compare.LEAST_S", 2)
    assert main(["lab", "compare", "--for", "3s"]) == 1
    assert "Nothing was done to any clock" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--x0", "0"], "initial error"),
        (["--x0", "2000s"], "initial error"),
        (["--max-slew", "501"], "500 ppm"),
        (["--max-slew", "nan"], "500 ppm"),
        (["--ppm", "1000"], "400 ppm"),
        (["--ppm", "nan"], "400 ppm"),
        (["--for", "10s"], "a minute"),
        (["--plot", "page.bmp"], "*.png"),
        (["--plot", "/nowhere/page.png"], "/nowhere is no folder"),
    ],
)
def test_what_makes_no_sense(options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "compare", *options]) == 2
    assert says in capsys.readouterr().err


def test_without_matplotlib_there_is_a_remedy(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["lab", "compare", "--plot", "page.png"]) == 2
    assert "pip install gpstime-pi[plot]" in capsys.readouterr().err
    with pytest.raises(UsageError, match="matplotlib"):
        __import__("gpstime.report.lab_plot", fromlist=["ready"]).ready("page.svg")
