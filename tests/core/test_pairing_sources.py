"""Second sources: what an RTC and a system clock that was right before can settle, and what they can't."""

from __future__ import annotations

import random

import pytest
from roof import LEAP, NS, START, Outcome, bursts, edge, epoch, merged, raw, rtc, run, second_named

from gpstime.model import ClockStep, Label, PpsEdge, RtcReading
from gpstime.times import TaiNs, UnixNs, UtcTime


def with_rtc(delay_ms: int, off_s: float = 0.0, *, seed: int = 0, every: int = 16, rollover: bool = True, **how: bool) -> Outcome:
    rng = random.Random(delay_ms * 100 + seed)
    readings = [rtc(s, off_s, rollover=rollover, at_s=rng.random(), **how) for s in range(0, 200, every)]
    return run(merged([edge(s) for s in range(200)], bursts(200, rng, delay_ms / 1000, missing=0.1), readings))


@pytest.mark.parametrize("rollover", [True, False])
@pytest.mark.parametrize("delay_ms", range(1000, 1401, 20))
def test_late_by_more_than_a_second_with_an_rtc_is_right_or_ambiguous(delay_ms: int, rollover: bool) -> None:
    for off_s in (0.0, 0.3, -0.3) if rollover else (0.0, 0.25, -0.25):
        out = with_rtc(delay_ms, off_s, rollover=rollover)
        assert out.wrong == []
        if out.label is Label.OK:
            assert out.pairing.assumption == ""
        elif delay_ms > 1070:
            assert "the RTC (ds3231)" in out.pairing.why


def test_without_the_rtc_the_same_events_are_labelled_under_an_assumption() -> None:
    """Control: what the RTC prevents above."""
    out = with_rtc(1200, trusted=False)
    assert out.label is Label.OK
    assert out.wrong
    assert "assumes" in out.pairing.assumption


@pytest.mark.parametrize("off_s", [0.0, 0.3, -0.3])
@pytest.mark.parametrize("rollover", [True, False])
@pytest.mark.parametrize("delay_ms", [100, 300, 500, 850])
def test_an_rtc_that_agrees_makes_the_assumption_unnecessary(delay_ms: int, rollover: bool, off_s: float) -> None:
    out = with_rtc(delay_ms, off_s, rollover=rollover)
    assert (out.label, out.wrong, out.pairing.assumption) == (Label.OK, [], "")


@pytest.mark.parametrize("delay_ms", [970, 985, 1000, 1015, 1030])
def test_where_votes_split_an_rtc_picks(delay_ms: int) -> None:
    for seed in range(5):
        out = with_rtc(delay_ms, 0.1, seed=seed)
        assert (out.label, out.wrong, out.pairing.assumption) == (Label.OK, [], "")


@pytest.mark.parametrize("off_s", [1.0, -1.0, 0.5, -0.5, 1.3])
def test_an_rtc_one_second_off_and_sentences_one_second_late_look_the_same(off_s: float) -> None:
    out = with_rtc(300, off_s)
    assert out.label is Label.AMBIGUOUS
    assert "the RTC (ds3231) is" in out.pairing.why


@pytest.mark.parametrize("off_s", [2.0, -2.0, 40.0, 86_400.0])
def test_an_rtc_further_off_proves_nothing_and_is_mentioned(off_s: float) -> None:
    out = with_rtc(300, off_s)
    assert (out.label, out.wrong) == (Label.OK, [])
    assert "proves nothing" in out.pairing.why
    assert "assumes" in out.pairing.assumption


def test_an_rtc_heard_late_withdraws_a_label_that_was_an_assumption() -> None:
    said = bursts(120, random.Random(1), 1.2)
    out = run(merged([edge(s) for s in range(120)], said, [rtc(60)]))
    assert [change.new for change in out.changes] == [Label.OK, Label.AMBIGUOUS]
    assert out.pairing.doubted
    assert [change.withdrawn for change in out.changes] == [False, True]


def test_an_rtc_that_agreed_once_may_drift_away_later() -> None:
    readings = [rtc(s, 0.008 * s) for s in range(0, 200, 10)]
    out = run(merged([edge(s) for s in range(200)], bursts(200, random.Random(1), 0.3), readings))
    assert (out.label, out.wrong) == (Label.OK, [])


def test_an_rtc_that_fits_two_seconds_is_waited_for_but_not_for_ever() -> None:
    """Read a tenth into its second and never at another time, it may be right, or nearly a second ahead."""
    for readings, seconds in ((range(4, 8), 300), (range(4, 100, 4), 80)):
        said = bursts(seconds, random.Random(1), 0.3)
        out = run(merged([edge(s) for s in range(seconds)], said, [rtc(s, rollover=False, at_s=0.1) for s in readings]))
        assert (out.label, out.wrong) == (Label.OK, [])
        assert out.pairing.assumption
        assert out.changes[0].new is Label.AMBIGUOUS
        assert "fits two seconds" in out.changes[0].why


@pytest.mark.parametrize("late_s", [0.9, 1.3])
def test_sentences_suddenly_late_keep_their_label_where_a_second_source_vouches_for_it(late_s: float) -> None:
    said = [epoch(s, 0.2 + (late_s if s >= 60 else 0)) for s in range(120)]
    out = run(merged([edge(s) for s in range(120)], said, [rtc(s) for s in range(0, 120, 10)]))
    assert (out.label, out.wrong) == (Label.OK, [])
    assert out.last_is_right()
    assert out.pairing.delay is not None
    assert out.pairing.delay.median_ns == pytest.approx((0.2 + late_s) * NS, rel=1e-3)
    control = run(merged([edge(s) for s in range(120)], said))
    assert control.label is Label.AMBIGUOUS


def test_an_rtc_a_second_off_does_not_make_late_sentences_right_that_came_in_time_before() -> None:
    """Two faults that agree. No burst comes before its pulse, so what was heard earlier outweighs both."""
    said = [epoch(s, (0.2 + s % 8 / 8 if s < 30 else 1.3)) for s in range(120)]
    readings = [rtc(s, -1.0) for s in range(0, 120, 10)]
    out = run(merged([edge(s) for s in range(120)], said, readings))
    assert (out.label, out.wrong) == (Label.AMBIGUOUS, [])
    control = run(merged([edge(s) for s in range(120)], said[30:], readings))
    assert control.wrong, "who has heard nothing earlier believes them"


# ---- the system clock ---------------------------------------------------------------------------------------------------------


def shown_right(at: PpsEdge, ahead_s: float = 0.0) -> PpsEdge:
    """The same edge under a system clock that is right, but for `ahead_s`."""
    return PpsEdge(at.at, UnixNs(START.unix + round((at.seq + ahead_s) * NS)), at.edge, at.seq)


def restarted(delay_before: float, delay_after: float, ahead_s: float = 0.0, step: bool = False) -> Outcome:
    """A train that restarts at 100 s (its phase moves), with another delay afterwards."""
    first = [shown_right(edge(s), ahead_s) for s in range(100)]
    again = [shown_right(edge(s, 0.37, seq=s), ahead_s) for s in range(100, 220)]
    rng = random.Random(4)
    said = [epoch(s, rng.gauss(delay_before if s < 100 else 0.37 + delay_after, 0.005)) for s in range(220)]
    steps = [ClockStep(raw(99.5), 1, "")] if step else []
    return run(merged(first, again, said, steps))


def test_a_system_clock_that_was_right_before_keeps_the_label_from_slipping() -> None:
    out = restarted(0.3, 1.2)
    assert out.label is Label.AMBIGUOUS
    assert out.wrong == []
    assert "the system clock, which was right before" in out.pairing.why


def test_a_system_clock_that_lost_ticks_with_the_raw_clock_is_no_witness() -> None:
    """A timer at half speed stops both; the system clock is 27 s behind afterwards, and nobody stepped it."""
    first = [shown_right(edge(s)) for s in range(100)]
    again = [shown_right(edge(s, 0.37, seq=s), -27.0) for s in range(100, 220)]
    out = run(merged(first, again, [epoch(s, 0.3 if s < 100 else 0.67) for s in range(220)]))
    assert (out.label, out.wrong) == (Label.OK, [])


@pytest.mark.parametrize("told", [False, True])
def test_after_a_leap_second_no_clock_vouches_for_a_receiver_that_missed_it(told: bool) -> None:
    """The receiver is a second ahead for a minute; so are an RTC that nobody sets, and a system clock that nobody told."""
    begin, leap_at = UtcTime.civil(2016, 12, 31, 23, 56, 0), 240
    edges, said = [], []
    for s in range(400):
        late = s > leap_at and not told
        edges.append(PpsEdge(raw(s), UnixNs(LEAP.utc(TaiNs(LEAP.tai(begin) + s * NS)).unix + late * NS), seq=s))
        said.append(epoch(s, 0.3, second=second_named(s + (leap_at <= s < leap_at + 60), begin)))
    clock = [
        RtcReading(raw(s), UtcTime.from_unix(begin.unix + s * NS), edge=True, err_ns=200_000, trusted=True, chip="ds3231")
        for s in range(30, 400, 10)
    ]
    for readings in ([], clock):
        out = run(merged(edges, said, readings))
        assert [change.new for change in out.changes] == [Label.OK, Label.AMBIGUOUS, Label.OK]
        assert out.last is not None
        assert out.pairing.second_of(out.last.n) == second_named(399, begin)


def test_it_picks_where_votes_split() -> None:
    out = restarted(0.3, 1.0)
    assert (out.label, out.wrong) == (Label.OK, [])
    assert out.pairing.assumption  # the clock was only as right as the label it agreed with


@pytest.mark.parametrize("how", [{"step": True}, {"ahead_s": 3.4}])
def test_a_system_clock_that_was_stepped_or_wrong_is_no_witness(how: dict[str, float]) -> None:
    """Control for the two tests above."""
    out = restarted(0.3, 1.2, **how)  # type: ignore[arg-type]
    assert out.label is Label.OK
    assert out.wrong
    assert out.pairing.assumption
