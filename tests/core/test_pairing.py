"""Which second is it: never off by one, plain where it is plain, ambiguous where it is not, and a reason for each."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from roof import LEAP, NS, Outcome, bursts, edge, epoch, merged, pulses, raw, run, second_named

from gpstime.core.earliest import Earliest
from gpstime.core.limits import LEAP_ROW
from gpstime.core.pairing import Pairing
from gpstime.core.train import Pulse
from gpstime.model import DeviceLost, Epoch, Label, LabelChange, PpsEdge, Rejected
from gpstime.times import LeapTable, TaiNs, UnixNs, UtcTime


def swept(delay_ms: int, seed: int = 0, count: int = 120) -> Outcome:
    """Pulses with faults and bursts with 20 ms of jitter and a tenth missing; a system clock that is 3.4 s off."""
    rng = random.Random(delay_ms * 1000 + seed)
    faulty = pulses(count, rng, missing=0.02, doubled=0.01, rogue=0.02)
    return run(merged(faulty, bursts(count, rng, delay_ms / 1000, missing=0.1)))


class FirstComeFirstNamed(Pairing):
    """Control: names a pulse once, by the first sentence after it, and counts on from there."""

    def __init__(self) -> None:
        super().__init__(LEAP)
        self._last: Pulse | None = None
        self._apart: int | None = None

    def on_pulse(self, pulse: Pulse) -> list[LabelChange | Rejected]:
        self._last = pulse
        return []

    def on_epoch(self, said: Epoch) -> list[LabelChange | Rejected]:
        if self._apart is None and self._last is not None:
            self._apart = LEAP.tai(said.second) - self._last.n * NS
        return []

    def second_of(self, n: int) -> UtcTime | None:
        return None if self._apart is None else LEAP.utc(TaiNs(self._apart + n * NS))


@pytest.mark.parametrize("delay_ms", range(100, 851, 10))
def test_from_100_to_850_ms_every_delay_is_plain_and_right(delay_ms: int) -> None:
    for seed in range(3):
        out = swept(delay_ms, seed)
        assert (out.label, out.wrong) == (Label.OK, [])
        assert out.last_is_right()
        assert out.named > 70
        assert out.pairing.delay is not None
        assert out.pairing.delay.median_ns == pytest.approx(delay_ms * 1e6, abs=15e6)
        assert out.pairing.delay.spread_ns == pytest.approx(20e6, rel=0.5)
        assert "less than a second" in out.pairing.assumption
        assert [change.new for change in out.changes] == [Label.OK]


@pytest.mark.parametrize("delay_ms", [*range(20, 100, 10), *range(860, 1001, 10)])
def test_near_a_pulse_the_label_is_right_or_ambiguous(delay_ms: int) -> None:
    for seed in range(8):
        out = swept(delay_ms, seed)
        assert out.wrong == []
        if 80 <= delay_ms <= 920:  # four spreads from the pulse: no vote splits
            assert out.label is Label.OK
        if out.label is Label.AMBIGUOUS:
            assert "before a pulse" in out.pairing.why
            assert "Refusing" in out.pairing.why
            assert out.pairing.second_of(100) is None


@pytest.mark.parametrize("delay_ms", [20, 30, 980, 990, 1000, 1010, 1020])
def test_where_votes_split_it_is_ambiguous(delay_ms: int) -> None:
    assert {swept(delay_ms, seed).label for seed in range(8)} == {Label.AMBIGUOUS}


@pytest.mark.parametrize("delay_ms", range(1070, 1401, 30))
def test_beyond_a_second_the_label_rests_on_an_assumption_that_is_said(delay_ms: int) -> None:
    out = swept(delay_ms)
    assert out.label is Label.OK
    assert "less than a second after the pulse" in out.pairing.assumption


def test_naming_by_the_first_sentence_is_wrong_where_pairing_is_not() -> None:
    """Control for the sweep: on the same events, the usual way mislabels."""
    wrong = 0
    for delay_ms in (20, 970, 990):
        for seed in range(12):
            rng = random.Random(delay_ms * 1000 + seed)
            events = list(merged(pulses(60, rng), bursts(60, rng, delay_ms / 1000)))
            wrong += bool(run(events, FirstComeFirstNamed()).wrong)
            assert run(events).wrong == []
    assert wrong > 5


def test_a_label_comes_within_a_dozen_seconds_and_the_sentence_says_what_it_rests_on() -> None:
    out = run(merged(*plain(12)))
    assert out.label is Label.OK
    assert out.pairing.why == "Sentences arrive 300 ms +/- 3 ms after their pulse."


def plain(count: int, delay_s: float = 0.3, first: int = 0) -> tuple[list[PpsEdge], list[Epoch]]:
    seconds = range(first, first + count)
    return [edge(s) for s in seconds], [epoch(s, delay_s) for s in seconds]


# ---- once it has a label ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [60, 300, 3000])
def test_the_label_goes_on_without_sentences(gone: int) -> None:
    out = run(merged([edge(s) for s in range(gone + 60)], bursts(30, random.Random(1), 0.4)))
    assert (out.label, out.wrong) == (Label.OK, [])
    assert out.last_is_right()


def test_pulses_missing_for_minutes_change_no_label() -> None:
    edges = [edge(s) for s in (*range(40), *range(160, 260))]
    out = run(merged(edges, bursts(260, random.Random(1), 0.7)))
    assert (out.label, out.wrong, out.reasons["not-continuous"]) == (Label.OK, [], 0)
    assert out.last_is_right()


def test_a_sentence_with_two_flipped_bits_is_rejected_alone() -> None:
    """120000 read as 130100: the XOR is the same (F-N09)."""
    edges, said = plain(120)
    for s in (30, 70, 71):
        said[s] = epoch(s, 0.3, second=second_named(s + 3660))
    out = run(merged(edges, said))
    assert (out.label, out.wrong, out.reasons) == (Label.OK, [], {"not-continuous": 3})


def test_a_wrong_sentence_at_the_very_start_does_no_harm() -> None:
    edges, said = plain(60)
    said[0] = epoch(0, 0.3, second=second_named(3660))
    out = run(merged(edges, said))
    assert (out.label, out.wrong) == (Label.OK, [])


@pytest.mark.parametrize(
    ("jump", "until"),
    [(-1, None), (1, 780), (2, 780), (-3, 780), (18, 780), (19, 60), (-19, 60), (86_400, 60), (-86_400, 60)],
)
def test_sentences_that_go_on_contradicting_end_the_label(jump: int, until: int | None) -> None:
    """Another day comes after a minute; up to 18 s may be a leap second count that is wrong now; 1 s later may just be late."""
    edges, said = plain(1000)
    said[60:] = [epoch(s, 0.3, second=second_named(s + jump)) for s in range(60, 1000)]
    out = run(merged(edges, said))
    assert out.changes[1].new is Label.AMBIGUOUS
    assert "Refusing" in out.changes[1].why
    assert out.changes[1].at < raw(66)
    assert out.pairing.doubted
    if until is None:
        assert out.label is Label.AMBIGUOUS
        assert "moved by 1 s" in out.pairing.why
    else:
        assert out.label is Label.OK
        assert raw(60 + until - 2) < out.changes[2].at < raw(60 + until + 2)


def test_a_delay_that_was_more_than_a_second_and_is_put_right_proves_the_old_label_wrong() -> None:
    said = [epoch(s, 1.45 if s < 60 else 0.3) for s in range(200)]
    out = run(merged([edge(s) for s in range(200)], said))
    assert out.wrong
    assert out.label is Label.OK
    assert out.last_is_right()
    assert out.pairing.doubted


def test_a_backlog_that_grows_past_a_second_takes_the_label_along() -> None:
    """F-N05: a burst longer than a second at 9600 baud; each comes 0.1 s later than the one before."""
    edges = [edge(s) for s in range(120)]
    said = [epoch(s, 0.3 + 0.1 * max(0, s - 70)) for s in range(120)]
    out = run(merged(edges, said))
    assert (out.label, out.wrong) == (Label.OK, [])
    assert out.pairing.delay is not None
    assert out.last_is_right()


def test_a_backlog_from_the_start_is_not_named_for_sure() -> None:
    for slope in (0.1, 0.3, 0.52):
        out = run(merged([edge(s) for s in range(90)], [epoch(s, 0.2 + slope * s) for s in range(90)]))
        assert out.wrong == []
        assert out.label is not Label.OK


@pytest.mark.parametrize("late_s", [0.9, 1.3, 2.2])
def test_sentences_suddenly_late_never_make_a_wrong_label(late_s: float) -> None:
    """F-N04: a reader that stalls. The old label stays right, but nobody can know: ambiguous, until they are in time again."""
    edges = [edge(s) for s in range(300)]
    said = [epoch(s, 0.3 + (late_s if 60 <= s < 150 else 0)) for s in range(300)]
    out = run(merged(edges, said))
    assert out.wrong == []
    assert out.label is Label.OK
    assert out.last_is_right()
    assert Label.AMBIGUOUS in {change.new for change in out.changes}
    assert not out.pairing.doubted  # the same label was found again


@pytest.mark.parametrize("seed", range(10))
def test_a_delay_that_wanders_by_two_seconds_never_makes_a_wrong_label(seed: int) -> None:
    rng = random.Random(seed)
    delay, said = 0.4, []
    for s in range(600):
        if s > 60:
            delay = min(max(0.02, delay + rng.gauss(0, 0.25)), 3.0)
        said.append(epoch(s, delay + rng.random() * 0.02))
    out = run(merged([edge(s) for s in range(600)], said))
    assert out.wrong == []


def restless(then_s: float, count: int) -> list[Epoch]:
    """Sentences 0.5 to 1.2 s after their pulse at first, never the same twice; from the second 30 on steadily `then_s`."""
    return [epoch(s, 0.5 + 0.7 * (s % 8) / 7 if s < 30 else then_s) for s in range(count)]


def test_bursts_that_came_earlier_show_that_those_of_now_are_late() -> None:
    """F-N04: they agree with each other for minutes, a second late; but some came in time before, and none comes too early."""
    out = run(merged([edge(s) for s in range(600)], restless(1.4, 600)))
    assert (out.named, out.label) == (0, Label.AMBIGUOUS)
    assert "0.40 s before that pulse earlier" in out.pairing.why
    assert "Refusing" in out.pairing.why
    back = restless(1.4, 300) + [epoch(s, 0.5) for s in range(300, 500)]
    out = run(merged([edge(s) for s in range(500)], back))
    assert (out.label, out.wrong) == (Label.OK, [])


def test_twin_of_the_earliest_without_it_they_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Earliest, "add", lambda self, position: None)
    assert run(merged([edge(s) for s in range(600)], restless(1.4, 600))).wrong


def test_what_came_early_is_forgotten_after_thirteen_minutes() -> None:
    """A receiver may have been wrong about the second then: nothing blocks for ever, and what it rests on is said."""
    out = run(merged([edge(s) for s in range(1000)], restless(1.4, 1000)))
    assert out.label is Label.OK
    assert out.first is not None
    assert 800 < out.first < 830
    assert "less than a second" in out.pairing.assumption


def test_three_bursts_in_a_row_make_the_earliest_and_a_flipped_digit_does_not() -> None:
    earliest = Earliest()
    for lag in (0.3, 0.31, -9.7, 0.32, 0.33, 0.34, -9.7, -9.7, 0.35, 0.36):
        earliest.add(lag - 7)
    assert earliest.under(7) == pytest.approx(0.33)
    for _ in range(LEAP_ROW):
        earliest.add(1.0)
    assert earliest.under(7) == 8.0
    earliest.forget()
    assert earliest.under(7) == 0.0


def test_a_delay_that_creeps_back_below_its_pulse_proves_the_label_wrong() -> None:
    """A backlog that drains slowly: no burst is far from the one before, but in the end all come before their pulse."""
    said = [epoch(s, max(0.3, 1.4 - 0.02 * max(0, s - 30))) for s in range(300)]
    out = run(merged([edge(s) for s in range(300)], said))
    assert [change.new for change in out.changes] == [Label.OK, Label.AMBIGUOUS, Label.OK]
    assert out.changes[1].withdrawn
    assert out.last_is_right()


def test_another_delay_in_the_same_second_keeps_the_label() -> None:
    said = [epoch(s, 0.2 if s < 60 else 0.85) for s in range(120)]
    out = run(merged([edge(s) for s in range(120)], said))
    assert [change.new for change in out.changes] == [Label.OK]
    assert out.pairing.delay is not None
    assert out.pairing.delay.median_ns == pytest.approx(0.85e9, rel=1e-3)


def test_a_train_that_restarts_takes_the_label_with_it() -> None:
    edges = [edge(s) for s in range(60)] + [edge(s, 0.37, seq=s) for s in range(60, 120)]
    out = run(merged(edges, bursts(120, random.Random(2), 0.6)))
    assert [change.new for change in out.changes] == [Label.OK, Label.NONE, Label.OK]
    assert out.wrong == []


def test_sentences_heard_before_the_train_is_there_count() -> None:
    """The first four edges are held, but their bursts were not for nothing."""
    assert run(merged(*plain(9))).label is Label.OK


def test_a_foreign_step_back_or_a_slew_changes_nothing() -> None:
    edges, said = plain(60)
    edges = [PpsEdge(e.at, UnixNs(e.shown + e.seq * NS // 10 - (86_400 * NS if e.seq > 30 else 0)), seq=e.seq) for e in edges]
    out = run(merged(edges, said))
    assert [change.new for change in out.changes] == [Label.OK]
    assert out.wrong == []


# ---- what is said when there is none ----------------------------------------------------------------------------------------


def test_each_lack_has_its_own_sentence() -> None:
    edges, said = plain(30)
    assert "no pulse and no sentence" in run([]).pairing.why
    assert "no sentence that names a time" in run(edges).pairing.why
    assert "no steady pulse" in run(said).pairing.why
    void = [epoch(s, 0.3, valid=False) for s in range(30)]
    out = run(merged(edges, void))
    assert (out.pairing.why, out.reasons) == ("No label: the receiver has no fix.", {"no-fix": 30})
    assert out.pairing.fix is False
    assert "in a row" in run(merged(edges, said[:4])).pairing.why
    between = [Epoch(e.at, e.burst_at, UtcTime(e.second.day, e.second.ns_of_day + 487_000_000), True, "GPRMC") for e in said]
    assert "no whole second" in run(merged(edges, between)).pairing.why


def test_only_whole_seconds_of_a_ten_hertz_receiver_vote() -> None:
    said = []
    for s in range(60):
        for tenth in range(10):
            at = raw(s + tenth / 10 + 0.07)
            second = second_named(s)
            said.append(Epoch(at, at, UtcTime(second.day, second.ns_of_day + tenth * 100_000_000), True, "GNRMC"))
    out = run(merged([edge(s) for s in range(60)], said))
    assert (out.label, out.wrong, out.reasons) == (Label.OK, [], {})


def test_two_talkers_in_one_burst_vote_once() -> None:
    edges, said = plain(6)
    twice = [e for said_once in said for e in (said_once, Epoch(said_once.at, said_once.burst_at, said_once.second, True, "GLRMC"))]
    assert run(merged(edges, twice)).label is Label.NONE


def test_the_burst_counts_and_not_the_sentence() -> None:
    """RMC at the end of a long burst: 1.05 s after the pulse, but its burst begins at 0.2 s."""
    said = [Epoch(raw(s + 1.05), raw(s + 0.2), second_named(s), True, "GNRMC") for s in range(60)]
    out = run(merged([edge(s) for s in range(62)], said))
    assert (out.label, out.wrong) == (Label.OK, [])


# ---- what disproves it ------------------------------------------------------------------------------------------------------


def test_sentences_before_their_pulse_disprove_the_second_before_it_is_withdrawn() -> None:
    """A timer that loses ticks so that pulses go uncounted: each burst names a second that is not there yet."""
    edges, said = plain(60)
    pairing = Pairing(LEAP)
    early = [epoch(s, 0.3, second=second_named(s + 3 * (s - 39) // 4)) for s in range(40, 60)]
    seen = []
    for count in range(1, 8):
        pairing = Pairing(LEAP)
        run(merged(edges[: 40 + count], [*said[:40], *early[:count]]), pairing)
        seen.append((pairing.label is Label.OK, pairing.disproved, bool(pairing.doubt)))
    assert seen[:3] == [(True, False, False)] * 3
    assert seen[3:] == [(True, True, True)] * 4


def test_flipped_digits_and_late_sentences_disprove_nothing() -> None:
    edges, said = plain(120)
    for s, off in ((50, 3660), (51, 11), (52, 20), (53, 3660)):
        said[s] = epoch(s, 0.3, second=second_named(s + off))
    pairing = Pairing(LEAP)
    run(merged(edges[:54], said[:54]), pairing)
    assert not pairing.disproved
    late = [epoch(s, 0.3 if s < 60 else 1.9) for s in range(120)]
    assert not run(merged(edges, late)).pairing.disproved


def test_a_receiver_that_falls_silent_vouches_for_nothing_after_half_a_minute() -> None:
    edges, said = plain(120)
    for heard, doubt in ((100, ""), (80, "said nothing of its fix for 30 s")):
        pairing = run(merged(edges, said[:heard])).pairing
        assert pairing.label is Label.OK, "the second goes on all the same"
        assert doubt in pairing.doubt
        assert bool(doubt) == bool(pairing.doubt)


# ---- leap seconds -----------------------------------------------------------------------------------------------------------


BEFORE_LEAP = UtcTime.civil(2016, 12, 31, 23, 59, 0)


def over_the_leap(style: str, table: LeapTable = LEAP) -> Outcome:
    """Two minutes around 2016-12-31T23:59:60Z as receivers tell them, from 23:58:00 on."""
    begin = UtcTime.civil(2016, 12, 31, 23, 58, 0)

    def named() -> Iterator[Epoch]:
        for s in range(240):
            second = second_named(s, begin)
            if s == 120 and style == "repeated":
                second = second_named(119, begin)
            if s == 120 and style == "absent":
                second = UtcTime.civil(2017, 1, 1)
            yield epoch(s, 0.3, second=second)

    out = run(merged([edge(s) for s in range(240)], named()), Pairing(table))
    assert out.last is not None
    return out


def test_a_receiver_that_is_ahead_after_the_leap_second_moves_no_label() -> None:
    """It learns of the leap second only minutes later."""
    begin = UtcTime.civil(2016, 12, 31, 23, 58, 0)
    said = [epoch(s, 0.3, second=second_named(s + (120 <= s < 300), begin)) for s in range(400)]
    out = run(merged([edge(s) for s in range(400)], said))
    assert [change.new for change in out.changes] == [Label.OK, Label.AMBIGUOUS, Label.OK]
    assert out.pairing.second_of(400) == second_named(400, begin)
    assert not out.pairing.doubted


@pytest.mark.parametrize("style", ["sixty", "repeated", "absent"])
def test_a_leap_second_passes_whatever_the_receiver_says(style: str) -> None:
    out = over_the_leap(style)
    assert [change.new for change in out.changes] == [Label.OK]
    assert out.reasons["not-continuous"] == (style != "sixty")
    assert out.pairing.second_of(120) == UtcTime(BEFORE_LEAP.day, 86_400 * NS)
    assert out.pairing.second_of(121) == UtcTime.civil(2017, 1, 1)


def test_a_leap_second_that_the_table_lacks_is_ambiguous_and_no_crash() -> None:
    old = LeapTable(LEAP.starts[:-1], LEAP.offsets_s[:-1], None, "before 2017")
    out = over_the_leap("sixty", old)
    assert [change.new for change in out.changes] == [Label.OK, Label.AMBIGUOUS]


# ---- devices ----------------------------------------------------------------------------------------------------------------


def test_a_receiver_that_comes_back_cold_is_not_compared_until_its_leap_count_is_sure() -> None:
    edges = [edge(s) for s in range(200)]
    said: list[Epoch | DeviceLost] = [epoch(s, 0.3) for s in range(60)]
    said.append(DeviceLost(raw(60), "serial", "unplugged"))
    said += [epoch(s, 0.3, valid=False) for s in range(70, 90)]
    said += [epoch(s, 0.3, second=second_named(s + 2)) for s in range(90, 200)]  # its firmware's leap count

    out = run(merged(edges, said))
    assert (out.label, out.wrong, out.reasons["leap-unverified"]) == (Label.OK, [], 110)
    assert out.last_is_right()


def test_rejections_of_other_sentences_make_no_cold_start() -> None:
    pairing = Pairing(LEAP)
    pairing.on_rejected(Rejected(raw(0), "nmea", "no-date", b"$GPGGA,101010,,,,,0*00"))
    assert run(merged(*plain(30)), pairing).label is Label.OK


def test_a_comma_lost_on_the_way_makes_no_cold_start_and_a_date_that_stays_away_does() -> None:
    for lost, doubt in ((1, False), (2, False), (3, True)):
        pairing = Pairing(LEAP)
        edges, said = plain(40)
        empty = [Rejected(raw(s + 0.3), "nmea", "no-date", b"$GPRMC,101010.00,A,5128.67188-N,00000.05113,W") for s in range(30, 40)]
        run(merged(edges, [*said[:30], *empty[:lost], *said[30 + lost :]]), pairing)
        assert (pairing.label, bool(pairing.doubt)) == (Label.OK, doubt), lost


# ---- sleep ------------------------------------------------------------------------------------------------------------------


def slept(clock_goes_on: bool, for_s: int = 60) -> Outcome:
    """The machine sleeps from 50 s on: the raw clock stands still, and the pulses look as if none were missing."""
    edges = [edge(s) for s in range(50)]
    edges += [PpsEdge(edge(s).at, edge(s + for_s * clock_goes_on).shown, seq=s + for_s) for s in range(50, 200)]
    said = [epoch(s, 0.3, second=second_named(s if s < 50 else s + for_s)) for s in range(200)]
    return run(merged(edges, said))


@pytest.mark.parametrize("for_s", [2, 15])
def test_a_short_sleep_is_no_leap_second_count_where_the_system_clock_says_so(for_s: int) -> None:
    """Both it and the sentences went on by so much, so that nothing has to be waited for."""
    out = slept(True, for_s)
    assert (out.label, out.wrong) == (Label.OK, [])
    assert out.last_is_right()
    assert out.changes[-1].at < raw(70)
    assert slept(False, for_s).label is Label.AMBIGUOUS


def test_after_a_sleep_no_second_is_named_until_sentences_agree() -> None:
    out = slept(clock_goes_on=True)
    assert (out.label, out.wrong) == (Label.OK, [])
    assert "as after a sleep" in out.changes[1].why
    assert out.last_is_right()
    control = slept(clock_goes_on=False)  # nothing shows the sleep but the sentences
    assert len(control.wrong) == 5
    assert control.last_is_right()


@pytest.mark.parametrize("forward_s", [1, 3600, 6 * 10**8])
def test_a_clock_set_forward_costs_the_label_one_second(forward_s: int) -> None:
    edges, said = plain(60)
    edges = [PpsEdge(e.at, UnixNs(e.shown + (forward_s * NS if 30 <= e.seq < 40 else 0)), seq=e.seq) for e in edges]
    out = run(merged(edges, said))
    assert [change.new for change in out.changes] == [Label.OK, Label.AMBIGUOUS, Label.OK]
    assert raw(30) < out.changes[2].at < raw(31)
    assert (out.named, out.wrong) == (60 - 8 - 1, [])
