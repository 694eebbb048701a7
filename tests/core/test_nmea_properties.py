"""Properties of the parser over all byte streams: nothing raised, memory bounded, and a function of the bytes alone."""

from __future__ import annotations

import calendar
import datetime
import re
import tracemalloc
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from nmea_lines import content, feed, line, rmc

from gpstime.core.framing import LIMIT, STRETCH
from gpstime.core.nmea import Nmea
from gpstime.model import Epoch, Rejected
from gpstime.times import RawNs, UtcTime

REASONS = {
    "bad-checksum", "no-checksum", "malformed", "bad-time", "bad-date", "no-time", "no-date", "too-long", "noise", "truncated",
}  # fmt: skip

_kept = st.sampled_from(
    [
        rmc(),
        rmc("235960", "311216"),
        rmc("", "", "V", ",,,N"),
        rmc(date="300226"),
        rmc("12000"),
        line("GPGGA,120001,4404.1,N,12118.8,W,1,12,0.91,1147.2,M,-21.3,M,,"),
        line("GNZDA,120002.00,23,03,2026,00,00"),
        line("GPGLL,4404.1,N,12118.8,W,120000.00,A,A"),
        line("PUBX,04,073731.00,091202,113851.00,1196,15D,1930035,-2660.664,43"),
        line("GPTXT,01,01,02," + "x" * 200),
        line("AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0", start=b"!"),
        b"\xb5b\x01\x07\x08\x00$A!*\r\n\xff\x00",
        b"login: \r\n",
        b"\xff" * 200,
        b"$" * 5,
    ]
)
_cut = st.builds(lambda s, a, b: s[min(a, b) : max(a, b)], _kept, st.integers(0, 90), st.integers(0, 90))
_flipped = st.builds(
    lambda s, i, bit: s[: i % len(s)] + bytes([s[i % len(s)] ^ (1 << bit)]) + s[i % len(s) + 1 :],
    _kept,
    st.integers(0),
    st.integers(0, 7),
)
_alphabet = st.lists(st.sampled_from(b"$!*,\r\n0AGPRMC\xb5\x00"), max_size=30).map(bytes)
streams = st.lists(st.one_of(_kept, _cut, _flipped, st.binary(max_size=40), _alphabet), max_size=12).map(b"".join)


@given(streams, st.data())
@settings(max_examples=400)
def test_portions_change_nothing(stream, data):
    """Whole, byte by byte, or cut anywhere: the same epochs and rejections in the same order, the same counts."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    whole, bytewise, portioned = Nmea(), Nmea(), Nmea()
    expected = whole.feed(stream, RawNs(0)) + whole.finish()
    one_by_one = [r for i in range(len(stream)) for r in bytewise.feed(stream[i : i + 1], RawNs(i))] + bytewise.finish()
    pieces = [
        r for a, b in pairwise([0, *cuts, len(stream)]) for r in portioned.feed(stream[a:b], RawNs(a * 10**7))
    ] + portioned.finish()
    assert content(one_by_one) == content(expected)
    assert content(pieces) == content(expected)
    assert whole.seen == bytewise.seen == portioned.seen
    assert whole.leap_default == bytewise.leap_default == portioned.leap_default


@given(streams)
@settings(max_examples=200)
def test_results_are_within_their_bounds(stream):
    nmea = Nmea()
    for result in nmea.feed(stream, RawNs(0)) + nmea.finish():
        if isinstance(result, Rejected):
            assert result.reason in REASONS
            assert len(result.raw) <= LIMIT
        else:
            assert 0 <= result.second.ns_of_day < 86_401 * 10**9
            assert not result.valid or result.sentence[2:] == "RMC"
    assert all(len(v) <= LIMIT for v in vars(nmea._framer).values() if isinstance(v, bytes))


@given(streams, streams)
@settings(max_examples=200)
def test_a_whole_sentence_survives_whatever_stands_around_it(before, after):
    """Unless what stands before it reaches over it: then the start byte of the good one ends that."""
    good = rmc("071717.00", "170717")
    expected = UtcTime.civil(2017, 7, 17, 7, 17, 17)
    assert any(isinstance(r, Epoch) and r.valid and r.second == expected for r in feed(before + good + after))


@given(st.datetimes(min_value=datetime.datetime(1980, 1, 1), max_value=datetime.datetime(2079, 12, 31)), st.integers(0, 9))
def test_every_second_of_the_century_is_read_back(t, digits):
    fraction = f"{t.microsecond * 1000:09}"[:digits]
    time = t.strftime("%H%M%S") + (f".{fraction}" if digits else "")
    (epoch,) = feed(rmc(time, t.strftime("%d%m%y")))
    assert isinstance(epoch, Epoch)
    ns = int(fraction.ljust(9, "0")) if digits else 0
    assert epoch.second == UtcTime.civil(t.year, t.month, t.day, t.hour, t.minute, t.second, ns)


_TIME = re.compile(r"(?:(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]|235960)(?:\.[0-9]+)?")


@given(st.text(alphabet="0123456789.-+ e", max_size=12) | st.from_regex(_TIME, fullmatch=True))
@settings(max_examples=500)
def test_times_are_those_of_the_grammar(field):
    (result,) = feed(rmc(field))
    if _TIME.fullmatch(field) and len(field) < 40:
        assert isinstance(result, Epoch)
    elif len(field) < 40:
        assert isinstance(result, Rejected)
        assert result.reason == ("bad-time" if field else "no-time")


@given(st.text(alphabet="0123456789- ", min_size=1, max_size=8) | st.dates(datetime.date(1980, 1, 1), datetime.date(2079, 12, 31)))
@settings(max_examples=500)
def test_dates_are_those_of_the_calendar(field):
    if isinstance(field, datetime.date):
        field = field.strftime("%d%m%y")
    (result,) = feed(rmc(date=field))
    if re.fullmatch(r"[0-9]{6}", field):
        day, month, year = int(field[:2]), int(field[2:4]), int(field[4:])
        year += 1900 if year >= 80 else 2000
        exists = 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
    else:
        exists = False
    assert isinstance(result, Epoch) is exists
    if exists:
        assert result.second == UtcTime.civil(year, month, day, 12)


def test_memory_is_flat_whatever_comes():
    """200 kB without a newline, in every shape that could be held back: the second half of it adds nothing."""
    shapes = [b"x", b"$GPRMC,", b"$", b"!", b"*", b"\x80", b"$GPTXT,01,01,02,", b"\0", b"$GPRMC,1200$", b"\xb5b\x01\x07"]
    for shape in shapes:
        nmea = Nmea()
        portion = shape * (4_096 // len(shape))
        if shape.startswith(b"$GPTXT"):
            nmea.feed(shape, RawNs(0))
            portion = b"x" * 4_096
        tracemalloc.start()
        held = []
        for i in range(48):
            nmea.feed(portion, RawNs(i))
            held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert held[-1] - held[23] < 5_000, (shape, held[23], held[-1])


def test_one_portion_of_megabytes_makes_few_results():
    """What is returned is proportional to what can be counted, not a copy of the flood."""
    results = feed(rmc() + b"\x80" * 5_000_000)
    assert len(results) == 1 + 5_000_000 // STRETCH + 1
    assert len(feed(b"$GPTXT," + b"x" * 5_000_000)) == 1
