"""Which epochs count: cold starts, receivers that give only ZDA, invented dates, bounds and the week rollover."""

from __future__ import annotations

import random

import pytest
from roof import LEAP, NS, START, Outcome, edge, epoch, merged, raw, rtc, run, second_named

from gpstime.core.dates import ROLLOVER_DAYS, DateRule
from gpstime.core.pairing import Pairing
from gpstime.model import DeviceLost, Epoch, Label, Rejected, RtcReading
from gpstime.times import RawNs, UtcTime

BOUND = UtcTime.civil(2025, 3, 1)


def night(
    said: list[Epoch | Rejected | RtcReading], count: int, not_before: UtcTime | None = None, leap_held: bool = False
) -> Outcome:
    return run(merged([edge(s) for s in range(count)], said), Pairing(LEAP, not_before, leap_held))


def moved(s: int, by_s: int = 0, days: int = 0, **how: bool) -> Epoch:
    second = second_named(s + by_s)
    return epoch(s, 0.3, second=UtcTime(second.day + days, second.ns_of_day), **how)


# ---- cold starts ------------------------------------------------------------------------------------------------------------


def cold(count: int, wrong_until: int, void: int = 20) -> list[Epoch]:
    """No fix for `void` seconds, then a leap count 2 s off until `wrong_until` (TinyGPSPlus issue 125: 3 s for minutes)."""
    return [moved(s, 2 if s < wrong_until else 0, valid=s >= void) for s in range(count)]


def test_after_a_cold_start_the_label_waits_for_the_leap_second_count() -> None:
    out = night([*cold(900, 770)], 900)
    assert (out.label, out.wrong) == (Label.OK, [])
    assert out.first is not None
    assert out.first > 20 + 780
    assert out.changes[0].new is Label.AMBIGUOUS
    assert "started cold" in out.changes[0].why
    assert out.reasons["leap-unverified"] == pytest.approx(780, abs=3)
    assert out.reasons["no-fix"] == 20


def test_a_warm_start_would_have_named_them_two_seconds_wrong() -> None:
    """Control: the same sentences without the void ones before."""
    out = night([*cold(900, 770)][20:], 900)
    assert out.wrong


def test_a_run_begun_in_the_midst_of_a_cold_start_waits_too() -> None:
    """The control above, told what the run before it knew."""
    out = night([*cold(900, 770)][20:], 900, leap_held=True)
    assert (out.label, out.wrong) == (Label.OK, [])
    assert out.reasons["leap-unverified"] == pytest.approx(780, abs=3)


@pytest.mark.parametrize("lost", [10, 300])
def test_a_receiver_unplugged_meanwhile_is_no_better_for_it(lost: int) -> None:
    """Before its first fix and after; it comes back with a fix, and with the same wrong count."""
    said = [e for s, e in enumerate(cold(1300, 770)) if not lost <= s < lost + 30]
    pairing = Pairing(LEAP)
    unplugged = DeviceLost(raw(lost), "serial", "unplugged")
    out = run(merged([edge(s) for s in range(1300)], [*said, unplugged]), pairing)
    assert out.wrong == []
    assert out.label is Label.OK


def test_what_a_run_leaves_to_the_next() -> None:
    pairing = Pairing(LEAP)
    assert not pairing.leap_held
    for e in cold(300, 300):
        pairing.on_epoch(e)
        assert pairing.leap_held
    warm = Pairing(LEAP)
    warm.on_epoch(moved(0))
    assert not warm.leap_held


def test_status_a_does_not_add_up_while_the_fix_is_lost() -> None:
    said = [moved(s, valid=20 <= s < 400 or s >= 700) for s in range(1000)]
    assert night([*said], 1000).label is Label.AMBIGUOUS
    longer = said + [moved(s) for s in range(1000, 1150)]
    assert night([*longer], 1150).label is Label.OK


def test_a_second_source_settles_the_leap_second_count_at_once() -> None:
    right = night([*cold(120, 0), *(rtc(s, 0.2) for s in range(10, 120, 30))], 120)
    assert (right.label, right.wrong, right.pairing.assumption) == (Label.OK, [], "")
    wrong = night([*cold(120, 120), *(rtc(s, 0.2) for s in range(10, 120, 30))], 120)
    assert (wrong.label, wrong.wrong) == (Label.AMBIGUOUS, [])


@pytest.mark.parametrize(("reason", "raw_line"), [("no-date", b"$GPRMC,101010,V,,"), ("no-time", b"$GNZDA,,,,,,")])
def test_an_empty_date_is_a_cold_start_too(reason: str, raw_line: bytes) -> None:
    said = [Rejected(raw(0.3), "nmea", reason, raw_line), *(moved(s) for s in range(5, 100))]
    assert night(said, 100).label is Label.AMBIGUOUS


def test_a_fix_lost_and_found_is_no_cold_start() -> None:
    said = [moved(s, valid=not 60 <= s < 90) for s in range(150)]
    out = night([*said], 150)
    assert (out.label, out.reasons) == (Label.OK, {"no-fix": 30})


@pytest.mark.parametrize("how", ["empty", "invented", "lost"])
def test_a_receiver_that_restarts_cold_during_the_run_is_held_too(how: str) -> None:
    """On a UART nobody says that it lost power, but it forgets the date; the train restarts on its first pulses."""
    first = [moved(s) for s in range(60)]
    if how == "empty":
        void: list[Epoch | Rejected] = [Rejected(raw(s + 0.3), "nmea", "no-time", b"$GPRMC,,V,,,,,,,,,,N") for s in range(60, 80)]
    else:
        void = [moved(s, days=-16_000 if how == "invented" else 0, valid=False) for s in range(60, 80)]
    again = [moved(s, 0 if how == "lost" else 2) for s in range(80, 400)]
    edges = [*(edge(s) for s in range(60)), *(edge(s, -0.1, seq=s) for s in range(80, 400))]
    out = run(merged(edges, [*first, *void, *again]))
    assert out.wrong == []
    assert out.label is (Label.OK if how == "lost" else Label.AMBIGUOUS)


# ---- ZDA only ---------------------------------------------------------------------------------------------------------------


def zda_and(count: int, other: str | None, fix: bool = True, zda_first: bool = False) -> list[Epoch]:
    said = []
    for s in range(count):
        zda = epoch(s, 0.2, valid=False, sentence="GPZDA")
        gga = epoch(s, 0.2, valid=False, sentence=other, fix=fix) if other else None
        said += [e for e in ((zda, gga) if zda_first else (gga, zda)) if e is not None]
    return said


@pytest.mark.parametrize("zda_first", [True, False])
@pytest.mark.parametrize("other", ["GNGGA", "GNGNS", "GPGLL"])
def test_zda_counts_with_a_fix_of_the_same_second(other: str, zda_first: bool) -> None:
    out = night([*zda_and(40, other, zda_first=zda_first)], 40)
    assert (out.label, out.wrong, out.reasons) == (Label.OK, [], {})
    assert out.pairing.assumption.count(".") == 1


def test_zda_without_a_fix_never_names_a_second() -> None:
    out = night([*zda_and(200, "GNGGA", fix=False)], 200)
    assert (out.label, out.reasons["no-fix"]) == (Label.NONE, 200)


def test_zda_is_nothing_beside_rmc() -> None:
    """A receiver without a fix goes on giving ZDA from its own clock."""
    said = [e for s in range(200) for e in (epoch(s, 0.2, valid=False), moved(s, 7, valid=False))]
    said = [Epoch(e.at, e.burst_at, e.second, False, "GPZDA" if i % 2 else "GPRMC", True, None) for i, e in enumerate(said)]
    assert night([*said], 200).label is Label.NONE


def test_a_timing_receiver_that_never_speaks_of_a_fix_is_taken_at_its_word_after_a_minute() -> None:
    said = zda_and(200, None)
    out = night([*said], 200)
    assert (out.label, out.wrong) == (Label.OK, [])
    assert out.first is not None
    assert out.first > 60
    assert "ZDA is taken at its word" in out.pairing.assumption
    sooner = night([*said, *(rtc(s) for s in range(0, 200, 10))], 200)
    assert sooner.first is not None
    assert sooner.first < 30
    assert sooner.pairing.assumption == ""


# ---- dates ------------------------------------------------------------------------------------------------------------------

TRAPS = [UtcTime.civil(1980, 1, 6), UtcTime.civil(1980, 1, 5), UtcTime.civil(2080, 1, 5), UtcTime.civil(2013, 9, 1)]


@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("bound", [BOUND, UtcTime.civil(2019, 1, 1), UtcTime.civil(2020, 6, 1), UtcTime.civil(2032, 6, 1), None])
def test_the_dates_that_receivers_invent_never_name_a_second(trap: UtcTime, bound: UtcTime | None, valid: bool) -> None:
    if bound is None and trap.day == TRAPS[3].day:
        valid = False  # without a lower bound, 2013-09-01 with a fix is a date like any other
    said = [epoch(s, 0.3, second=UtcTime(trap.day, (3600 + s) * NS), valid=valid) for s in range(300)]
    out = night([*said], 300, bound)
    assert (out.label, out.named) == (Label.NONE, 0)
    assert out.reasons.total() == 300


@pytest.mark.parametrize("times", [1, 2])
def test_a_rolled_date_is_put_right_after_a_minute_and_counted(times: int) -> None:
    out = night([moved(s, days=-times * ROLLOVER_DAYS) for s in range(200)], 200, BOUND)
    assert (out.label, out.wrong) == (Label.OK, [])
    assert out.first is not None
    assert out.first > 60
    assert out.reasons["before-lower-bound"] == 60
    assert out.reasons["rollover-corrected"] == 140
    assert f"{1024 * times} weeks early" in out.pairing.why


def test_without_a_lower_bound_nothing_is_put_right() -> None:
    out = night([moved(s, days=-ROLLOVER_DAYS) for s in range(120)], 120)
    assert out.label is Label.OK
    assert out.last is not None
    named = out.pairing.second_of(out.last.n)
    assert named is not None
    assert named.day == START.day - ROLLOVER_DAYS


def test_a_rolled_date_needs_a_fix_that_lasts_a_multiple_that_stays_and_a_result_that_is_near() -> None:
    flickers = [moved(s, days=-ROLLOVER_DAYS, valid=s % 30 != 0) for s in range(300)]
    assert night([*flickers], 300, BOUND).label is Label.NONE
    changes = [moved(s, days=-ROLLOVER_DAYS * (1 + s // 30 % 2)) for s in range(300)]
    assert night([*changes], 300, BOUND).label is Label.NONE
    late = [moved(s, days=-ROLLOVER_DAYS) for s in range(300)]
    assert night([*late], 300, UtcTime.civil(2021, 1, 1)).label is Label.NONE


def test_a_trusted_rtc_stands_in_for_a_near_bound() -> None:
    late: list[Epoch | Rejected | RtcReading] = [moved(s, days=-ROLLOVER_DAYS) for s in range(300)]
    out = night([rtc(1, 40.0), *late], 300, UtcTime.civil(2021, 1, 1))
    assert (out.label, out.wrong) == (Label.OK, [])
    far = UtcTime(START.day - 3000, 0)
    reading = RtcReading(raw(1), far, trusted=True)
    assert night([reading, *late], 300, BOUND).label is Label.NONE


def test_dates_beyond_all_plans_are_implausible() -> None:
    rule = DateRule(BOUND)
    for date in ((2066, 1, 1), (2080, 1, 5), (2101, 1, 1), (3236, 1, 12)):
        assert rule.judge(UtcTime.civil(*date), RawNs(0), None) == (None, "implausible-date")
    assert DateRule(None).judge(UtcTime.civil(2080, 1, 6), RawNs(0), None) == (None, "implausible-date")
    assert DateRule(None).judge(UtcTime.civil(2066, 1, 1), RawNs(0), None)[1] == ""


def test_dates_that_no_receiver_was_ever_right_about_are_named_as_the_reason() -> None:
    """Without a lower bound too; with steady pulses it would be wrong to say that those are missing."""
    out = night([moved(s, days=-4 * ROLLOVER_DAYS) for s in range(60)], 60)
    assert out.label is Label.NONE
    assert "dates are not believable" in out.pairing.why


def test_a_first_date_that_is_invented_gives_way_to_the_true_one() -> None:
    said = [moved(s, days=-900 if s < 4 else 0) for s in range(60)]
    out = night([*said], 60)
    assert (out.label, out.wrong) == (Label.OK, [])
    assert out.reasons["not-continuous"] > 0


@pytest.mark.parametrize("seed", range(30))
def test_any_mixture_of_sentences_raises_nothing(seed: int) -> None:
    rng = random.Random(seed)
    said: list[Epoch | Rejected | RtcReading] = []
    for s in range(300):
        kind = rng.choice(["GPRMC", "GPRMC", "GNZDA", "GPGGA", "PUBX", ""])
        second = UtcTime(rng.choice([START.day, START.day, 0, -719_000, 2_900_000]), rng.randrange(86_401 * NS))
        at = raw(s + rng.random())
        late = RawNs(at - rng.choice([0, 10**8, 10**12]))
        said.append(Epoch(at, late, second, rng.random() < 0.8, kind, True, rng.choice([True, False, None])))
        if rng.random() < 0.1:
            said.append(rtc(s, rng.gauss(0, 2), rollover=rng.random() < 0.5, at_s=rng.random()))
    out = night(said, 300, rng.choice([None, BOUND]))
    assert out.named == 0
