"""What may be told to others: the sign, the leap flag, and everything that must keep a sample back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpstime.core.feed import FIX_LASTS_NS, FeedGate, Sample, Withheld, leap_flag, leap_near
from gpstime.core.leap import BUILT_IN
from gpstime.model import Epoch, Kind, Label, LabelChange, Offset
from gpstime.times import NS, LeapTable, RawNs, UnixNs, UtcTime

TABLE = BUILT_IN.table
SECOND = UtcTime.civil(2026, 11, 24, 12)
AT = RawNs(1000 * NS)


def offset(second: UtcTime = SECOND, ns: int = 5_000_000, kind: Kind = Kind.OK) -> Offset:
    return Offset(AT, 7, second, TABLE.tai(second), ns, 300.0, kind, "pps", 0)


def fixed(leap: LeapTable = TABLE) -> FeedGate:
    """A gate that has just heard a sentence with a fix."""
    gate = FeedGate(leap)
    gate.on_epoch(Epoch(RawNs(AT - NS // 2), RawNs(AT - NS // 2), SECOND, True, "GNRMC", fix=True))
    return gate


def test_our_clock_ahead_is_to_be_set_back_whoever_is_told() -> None:
    """The sign turns here and nowhere else: offset = ours - true, chrony wants true - system."""
    sample = fixed().take(offset(ns=5_000_000), True, "")
    assert isinstance(sample, Sample)
    assert sample.shown - sample.true == 5_000_000
    assert sample.true == SECOND.unix
    assert sample.true_minus_system_s == -0.005
    behind = fixed().take(offset(ns=-7), True, "")
    assert isinstance(behind, Sample)
    assert behind.true_minus_system_s == 7e-9


def test_a_clock_that_is_56_years_off_loses_no_microsecond() -> None:
    sample = Sample(UnixNs(0), SECOND.unix)
    assert abs(sample.true_minus_system_s - SECOND.unix / 1e9) < 3e-7


NOT_FED = [
    ("no label", replace(offset(), second=None, tai=None, offset_ns=None), True, "the pulses have no second: nobody knows"),
    ("no fix", offset(), False, "the receiver says that it has no fix"),
    ("no word of a fix", offset(), None, "has not said that it has a fix"),
    ("outlier", offset(kind=Kind.OUTLIER), True, "outlier"),
    ("missing", offset(kind=Kind.MISSING), True, "outlier"),
    ("long ago", replace(offset(), at=RawNs(AT + FIX_LASTS_NS)), True, "the receiver is silent"),
]


@pytest.mark.parametrize(("given", "fix", "told"), [row[1:] for row in NOT_FED], ids=[row[0] for row in NOT_FED])
def test_what_is_not_sure_is_not_fed(given: Offset, fix: bool | None, told: str) -> None:
    assert isinstance(fixed().take(offset(), True, ""), Sample), "all is well without it"
    found = fixed().take(given, fix, "nobody knows")
    assert isinstance(found, Withheld)
    assert told in found.why
    assert found.passing == ("outlier" in told)


def test_a_void_sentence_does_not_count_as_fix() -> None:
    gate = FeedGate(TABLE)
    gate.on_epoch(Epoch(AT, AT, SECOND, False, "GNRMC", fix=False))
    assert isinstance(gate.take(offset(), True, ""), Withheld)
    gate.on_epoch(Epoch(AT, AT, SECOND, True, "GNZDA"))  # says nothing of a fix, and is valid
    assert isinstance(gate.take(offset(), True, ""), Sample)


def test_a_withdrawn_label_is_told_until_there_is_one_again() -> None:
    gate, unlabelled = fixed(), replace(offset(), second=None, tai=None, offset_ns=None)
    gate.on_label(LabelChange(AT, Label.OK, Label.AMBIGUOUS, "the sentences say another second", withdrawn=True))
    doubted = Withheld("the seconds named so far are in doubt: the sentences say another second")
    assert gate.take(unlabelled, True, "x") == doubted
    gate.on_label(LabelChange(AT, Label.AMBIGUOUS, Label.OK, "all agree"))
    assert gate.take(unlabelled, True, "x") == Withheld("the pulses have no second: x")


# ---- leap seconds ----------------------------------------------------------------------------------------------------------------


def test_the_leap_flag_is_up_on_the_last_day_only() -> None:
    last = UtcTime.civil(2016, 12, 31).day
    assert [leap_flag(TABLE, day) for day in (last - 30, last - 1, last, last + 1)] == [0, 0, 1, 0]
    june = UtcTime.civil(2015, 6, 30).day
    assert [leap_flag(TABLE, june + d) for d in (-1, 0, 1)] == [0, 1, 0]


def test_no_flag_for_a_day_on_which_nobody_expects_one() -> None:
    march = UtcTime.civil(2027, 4, 1).day
    table = LeapTable((0, march), (37, 38), None, "made up")
    assert table.leap_at_end_of(march - 1) == 1
    assert leap_flag(table, march - 1) == 0


def test_a_second_that_is_left_out_has_its_own_code() -> None:
    end = UtcTime.civil(2035, 12, 31)
    table = LeapTable((0, end.day + 1), (37, 36), None, "made up")
    sample = fixed(table).take(offset(UtcTime(end.day, 3600 * NS)), True, "")
    assert isinstance(sample, Sample)
    assert (sample.leap, sample.leap_code) == (-1, 2)
    assert not leap_near(table, UtcTime.civil(2035, 12, 31, 23, 59, 53))
    assert leap_near(table, UtcTime.civil(2035, 12, 31, 23, 59, 54))
    assert Sample(UnixNs(0), UnixNs(0), 1).leap_code == 1


def test_nothing_is_fed_around_a_leap_second() -> None:
    around = [(2016, 12, 31, 23, 59, s) for s in (54, 55, 59, 60)] + [(2017, 1, 1, 0, 0, s) for s in (0, 5, 6)]
    near = [leap_near(TABLE, UtcTime.civil(*when)) for when in around]
    assert near == [False, True, True, True, True, True, False]
    assert not leap_near(TABLE, UtcTime.civil(2026, 12, 31, 23, 59, 59)), "no leap second, nothing to avoid"
    assert fixed().take(offset(UtcTime.civil(2016, 12, 31, 23, 59, 60)), True, "") == Withheld("a leap second is near")
