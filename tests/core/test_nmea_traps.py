"""The traps of pynmea2 (pains P6): what it does, held so that we notice when it is mended, and what ours does instead."""

from __future__ import annotations

import datetime
import io

import pynmea2
import pytest
from nmea_lines import feed, line, reasons, rmc

from gpstime.core.leap import BUILT_IN
from gpstime.core.nmea import Nmea
from gpstime.core.pairing import Pairing
from gpstime.core.train import Pulse
from gpstime.model import Epoch, Label, PpsEdge, Rejected
from gpstime.times import RawNs, UnixNs, UtcTime

NOON = UtcTime.civil(2026, 3, 23, 12)


def theirs(sentence: bytes, check: bool = True):
    return pynmea2.parse(sentence.decode("ascii"), check=check)


def ours(sentence: bytes):
    (result,) = feed(sentence)
    return result


def test_nav_status_v_on_a_good_fix():
    """NMEA 4.1: what every u-blox from the M8 on prints all day long."""
    good = rmc(tail=",,,A,V")
    assert theirs(good).is_valid is False
    assert ours(good).valid is True


def test_estimated_manual_and_simulated_are_valid_to_pynmea2():
    for mode in "EMS":
        assert theirs(rmc(tail=f",,,{mode}")).is_valid is True
        assert ours(rmc(tail=f",,,{mode}")).valid is False


def test_an_empty_date_raises():
    cold = rmc(status="V", date="", tail=",,,N")
    with pytest.raises(TypeError, match=r"argument 1 must be datetime.date, not None"):
        _ = theirs(cold).datetime
    assert ours(cold).reason == "no-date"


def test_a_leap_second_is_a_str():
    leap = rmc("235960", "311216")
    assert theirs(leap).timestamp == "235960"
    with pytest.raises(TypeError, match=r"argument 2 must be datetime.time, not str"):
        _ = theirs(leap).datetime
    assert ours(leap).second == UtcTime.civil(2016, 12, 31, 23, 59, 60)


def test_a_line_cut_in_its_date_is_another_date():
    cut = b"$GPRMC,120000,A,4404.1,N,12118.8,W,0,0,2303"
    message = theirs(cut, check=False)  # its default
    assert message.status == "A"
    assert message.datetime == datetime.datetime(2003, 3, 2, 12, tzinfo=datetime.UTC)
    assert reasons(feed(cut + b"\r\n")) == ["no-checksum"]
    assert reasons(feed(cut)) == ["truncated"]
    assert reasons(feed(line(cut[1:]))) == ["bad-date"], "nor with a checksum that fits"


def test_two_flips_that_cancel_in_the_checksum():
    """120000 -> 130100, one bit of each digit: no parser can see it, the neighbouring seconds can.

    The sentence says 13:01:00 and so do we; that it is not the second that follows is the pairing's business.
    """
    flipped = rmc("120000.00").replace(b"120000", b"130100")
    assert theirs(flipped).timestamp == datetime.time(13, 1, tzinfo=datetime.UTC)
    assert ours(flipped).second == UtcTime.civil(2026, 3, 23, 13, 1)

    nmea, pairing = Nmea(), Pairing(BUILT_IN.table)
    rejected = []
    for n in range(60):
        pulse = n * 10**9
        pairing.on_pulse(Pulse(RawNs(pulse), n, PpsEdge(RawNs(pulse), UnixNs(pulse))))
        sentence = rmc(f"1159{n:02}.00")
        if n == 40:
            sentence = sentence.replace(b"115940", b"105840")  # bits of the hour and the minute
            assert len(feed(sentence)) == 1
            assert isinstance(ours(sentence), Epoch)
        for epoch in nmea.feed(sentence, RawNs(pulse + 200_000_000)):
            rejected += [f.reason for f in pairing.on_epoch(epoch) if isinstance(f, Rejected)]
    assert rejected == ["not-continuous"]
    assert pairing.label is Label.OK
    assert pairing.second_of(40) == UtcTime.civil(2026, 3, 23, 11, 59, 40)


def test_a_bad_line_drops_the_rest_of_the_batch():
    batch = "garbage\n" + (rmc() + rmc()).decode("ascii")
    reader = pynmea2.NMEAStreamReader(errors="raise")
    with pytest.raises(pynmea2.ParseError):
        list(reader.next(batch))
    assert list(reader.next("")) == []
    assert reasons(feed(b"garbage\n" + rmc() + rmc())) == ["epoch", "epoch"]


def test_the_buffer_grows_without_a_newline():
    reader = pynmea2.NMEAStreamReader(errors="ignore")
    for _ in range(5):
        list(reader.next("x" * 1_000_000))
    assert len(reader.buffer) == 5_000_000
    nmea = Nmea()
    for _ in range(5):
        nmea.feed(b"$GPRMC," + b"x" * 1_000_000, RawNs(0))
    assert held_bytes(nmea) < 1000
    assert reasons(nmea.feed(b"\n" + rmc(), RawNs(0)))[-1] == "epoch"


def held_bytes(nmea: Nmea) -> int:
    """All bytes that the framer holds back."""
    return sum(len(v) for v in vars(nmea._framer).values() if isinstance(v, bytes))


def test_the_end_of_a_file_gives_empty_batches_for_ever():
    reader = iter(pynmea2.NMEAStreamReader(io.StringIO(rmc().decode("ascii")), errors="ignore"))
    assert [len(list(next(reader))) for _ in range(4)] == [1, 0, 0, 0]
    nmea = Nmea()
    assert reasons(nmea.feed(rmc().removesuffix(b"\r\n"), RawNs(0)) + nmea.finish()) == ["epoch"]
    assert nmea.finish() == []


@pytest.mark.parametrize(
    ("field", "their_year", "our_year"),
    [("060180", 1980, 1980), ("010169", 1969, 2069), ("311279", 1979, 2079), ("010168", 2068, 2068)],
)
def test_two_digit_years(field, their_year, our_year):
    """Python's pivot is 69: a date of 1969 to 1979 is none that a GPS receiver can mean."""
    assert theirs(rmc(date=field)).datestamp.year == their_year
    assert ours(rmc(date=field)).second == UtcTime.civil(our_year, int(field[2:4]), int(field[:2]), 12)


@pytest.mark.parametrize("field", ["12000", "1200000", "12 000"])
def test_times_that_are_none_are_read_all_the_same(field):
    assert theirs(rmc(field)).timestamp == datetime.time(12, tzinfo=datetime.UTC)
    assert ours(rmc(field)).reason == "bad-time"


def test_a_time_that_does_not_convert_is_a_str_and_no_error():
    assert theirs(rmc("-10000")).timestamp == "-10000"
    assert ours(rmc("-10000")).reason == "bad-time"


def test_glued_and_nul_lines_are_lost():
    for damaged in (rmc().strip() + rmc().strip(), b"\0" + rmc()):
        with pytest.raises(pynmea2.ParseError):
            theirs(damaged)
        assert set(reasons(feed(damaged))) == {"epoch"}


@pytest.mark.parametrize("body", ["PUBX", "PASHR"])
def test_a_maker_s_sentence_without_fields_is_an_index_error(body):
    with pytest.raises(IndexError):
        theirs(line(body))
    assert feed(line(body)) == []
    assert ours(rmc()).second == NOON
