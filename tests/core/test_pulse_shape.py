"""What the edges of a pulse tell of its rate, width and polarity, and which edge of an even one marks the second."""

from __future__ import annotations

import pytest

from gpstime.core.pulse_doctor import Advice
from gpstime.core.pulse_shape import Edge, PulseShape, edge_by_delay
from gpstime.times import NS


def shape(period_s: float = 1.0, high_s: float | None = None, n: int = 40) -> tuple[PulseShape, list[str]]:
    pulse, causes = PulseShape("pps1"), []
    for k in range(n):
        at = round((100 + k * period_s) * NS)
        causes += [advice.cause for advice in pulse.on("assert", at)]
        if high_s is not None:
            causes += [advice.cause for advice in pulse.on("clear", at + round(high_s * NS))]
    return pulse, causes


@pytest.mark.parametrize("width_s", [0.001, 0.02, 0.1, 0.2])
def test_width_and_polarity(width_s: float) -> None:
    pulse, causes = shape(high_s=width_s)
    assert (pulse.width_ns, pulse.period_ns, causes) == (round(width_s * NS), NS, [])
    _, causes = shape(high_s=1 - width_s)
    assert causes == ["inverted"]


def test_an_even_pulse_is_told_once() -> None:
    assert shape(high_s=0.5, n=200)[1] == ["even pulse"]


@pytest.mark.parametrize("period_s", [0.1, 0.5, 2.0])
def test_rates_that_are_none(period_s: float) -> None:
    assert shape(period_s)[1] == ["wrong rate"]
    assert shape(period_s, period_s / 10)[1] == ["wrong rate"]


def test_a_clock_that_is_far_off_is_no_wrong_rate() -> None:
    assert shape(1.08, 0.1)[1] == []


def test_one_edge_alone_says_nothing_of_the_width() -> None:
    pulse, causes = shape()
    assert (pulse.width_ns, causes) == (None, [])


def test_missing_and_doubled_pulses_do_not_change_the_verdict() -> None:
    """F-P09, F-P10: one in ten missing, one in ten doubled."""
    pulse, causes = PulseShape("pps1"), []
    for k in range(200):
        if k % 10 == 3:
            continue
        at = (100 + k) * NS
        for twice in (0, 5_000) if k % 10 == 7 else (0,):
            causes += pulse.on("assert", at + twice)
        causes += pulse.on("clear", at + NS // 10)
    assert causes == []
    assert pulse.period_ns == NS


@pytest.mark.parametrize(("delay_ms", "edge"), [(400, "assert"), (900, "clear"), (150, None), (650, None), (-100, "clear")])
def test_the_edge_of_an_even_pulse_by_the_sentences_delay(delay_ms: float, edge: str | None) -> None:
    assert edge_by_delay(delay_ms) == edge


def test_a_spread_that_reaches_where_both_could_tells_nothing() -> None:
    assert edge_by_delay(505, 2.5) == "assert"
    assert edge_by_delay(505, 20) is None
    assert edge_by_delay(5, 2.5) == "clear"


def even(delay: tuple[float, float] | None, given: Edge | None = None) -> tuple[PulseShape, list[Advice]]:
    pulse = PulseShape("pps1", given)
    pulse.after_assert = lambda: delay
    return pulse, [
        told for k in range(200) for edge, at in (("assert", 0), ("clear", NS // 2)) for told in pulse.on(edge, k * NS + at)
    ]


@pytest.mark.parametrize(("after_ms", "marks"), [(400.0, "assert"), (900.0, "clear"), (150.0, None), (None, None)])
def test_of_an_even_pulse_the_edge_that_fits_the_sentences_is_used_or_the_doubt_is_said(
    after_ms: float | None, marks: str | None
) -> None:
    pulse, told = even(None if after_ms is None else (after_ms, 8.0))
    assert pulse.marks == marks
    assert [advice.cause for advice in told] == [f"even pulse, {marks}" if marks else "even pulse"]
    assert ("half a second off" in told[0].text) == (marks is None)


def test_who_names_the_edge_is_contradicted_only_by_the_sentences() -> None:
    assert [a.cause for a in even(None, "clear")[1] + even((150.0, 8.0), "clear")[1] + even((900.0, 8.0), "clear")[1]] == []
    pulse, (told,) = even((400.0, 8.0), "clear")
    assert (told.cause, pulse.marks) == ("even pulse, contrary", None)
