"""Framing: where a sentence begins and ends, whatever stands around it."""

from __future__ import annotations

import random
from functools import reduce
from operator import xor as xor_two

import pytest
from nmea_lines import feed, line, reasons, rmc

from gpstime.core.framing import LIMIT, STRETCH, Framer, whole, xor
from gpstime.core.nmea import Nmea
from gpstime.model import Rejected
from gpstime.times import RawNs

GOOD = rmc()
BARE = GOOD.removesuffix(b"\r\n")


def test_folded_checksum_is_the_xor_of_the_bytes():
    rng = random.Random(1)
    for n in range(LIMIT + 1):
        body = rng.randbytes(n)
        assert xor(body) == reduce(xor_two, body, 0)
    assert whole(b"$GPGLL,4916.45,N,12311.12,W,225444,A,") == b"$GPGLL,4916.45,N,12311.12,W,225444,A,*1D"


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"", b"\r\r\n", b"\n\n", b"   \r\n"])
def test_any_line_end_or_none(end):
    found = reasons(feed(BARE + end + BARE + end))
    assert [r for r in found if r != "noise"] == ["epoch", "epoch"]


def test_a_sentence_is_complete_with_its_checksum_and_waits_for_no_line_end():
    assert reasons(feed(BARE, finish=False)) == ["epoch"]
    assert reasons(feed(BARE[:-1], finish=False)) == []


def test_hex_digits_of_either_case():
    lower = BARE[:-2] + BARE[-2:].lower()
    assert BARE[-2:].lower() != BARE[-2:], "the test needs a checksum with a letter"
    assert reasons(feed(lower)) == ["epoch"]


@pytest.mark.parametrize("n", range(3, len(BARE) - 1))
def test_resync_inside_a_line_wherever_it_is_cut(n):
    """Cut after any byte, glued to a whole one: the whole one is read, the cut one is refused (`$GN` is noise yet, no sentence)."""
    found = reasons(feed(BARE[:n] + GOOD))
    assert found[-1] == "epoch"
    assert found[:-1] in (["truncated"], ["malformed"], ["noise"])
    assert (found[:-1] == ["noise"]) == (n < 4)


def test_reasons_of_refusal():
    assert reasons(feed(b"$GPRMC,120000,A\r\n")) == ["no-checksum"]
    assert reasons(feed(b"$GPRMC,120000,A" + GOOD)) == ["truncated", "epoch"]
    assert reasons(feed(b"$GPRMC,120000,A*4\r\n")) == ["malformed"]
    assert reasons(feed(b"$GPRMC,120000,A*G0\r\n")) == ["malformed"]
    assert reasons(feed(b"$GPRMC,120000,A*00\r\n")) == ["bad-checksum"]
    assert reasons(feed(b"$GPRMC,1200")) == ["truncated"]
    assert reasons(feed(b"$GPTXT," + b"x" * LIMIT + b"*00\r\n")) == ["too-long"]


def test_a_flip_of_any_bit_is_never_an_epoch_of_the_same_kind():
    """Every single flipped bit of a sentence is caught."""
    for i in range(len(BARE)):
        for bit in range(8):
            damaged = bytearray(GOOD)
            damaged[i] ^= 1 << bit
            found = reasons(feed(bytes(damaged)))
            if bytes(damaged[-4:-2]).upper() == BARE[-2:] and i >= len(BARE) - 2:
                assert found == ["epoch"]  # the flip turned a hex digit's case
            else:
                assert "epoch" not in found, (i, bit, found)


def test_longest_sentence():
    def of_length(n):
        return line("GPTXT,01,01,02," + "x" * (n - len("$GPTXT,01,01,02,*00")), end=b"")

    assert len(of_length(LIMIT)) == LIMIT
    nmea = Nmea()
    assert nmea.feed(of_length(LIMIT) + b"\r\n" + of_length(83) + b"\r\n", RawNs(0)) == []
    assert nmea.sentences == 2
    assert reasons(nmea.feed(of_length(LIMIT + 1) + b"\r\n" + GOOD, RawNs(0))) == ["too-long", "epoch"]


def test_the_rest_of_a_too_long_line_is_not_looked_at():
    assert reasons(feed(b"$GPTXT," + b"x" * 5000 + b"*00 and more\r\n" + GOOD)) == ["too-long", "epoch"]
    assert reasons(feed(b"$GPTXT," + b"x" * 5000 + GOOD)) == ["too-long", "epoch"]


def test_the_line_into_which_we_tuned_in_is_dropped_without_a_word():
    assert reasons(feed(BARE[20:] + b"\r\n" + GOOD)) == ["epoch"]
    assert reasons(feed(BARE[20:] + GOOD)) == ["epoch"]
    assert reasons(feed(b"\x00\xff" * 40 + GOOD)) == ["epoch"]
    nmea = Nmea()
    nmea.feed(GOOD, RawNs(0))
    assert reasons(nmea.feed(BARE[20:] + b"\r\n" + GOOD, RawNs(0))) == ["noise", "epoch"], "later it counts"
    nmea.finish()
    assert reasons(nmea.feed(BARE[20:] + b"\r\n" + GOOD, RawNs(0))) == ["epoch"], "after a lost port we tune in again"


UBX = b"\xb5b\x01\x07\x5c\x00" + bytes(range(90)) + b"$\x01\x02*\xff\x03\x04!\x05"
RTCM = b"\xd3\x00\x13" + b"\x3e\xd0\x00\x03" * 6


@pytest.mark.parametrize("binary", [UBX, RTCM, UBX + RTCM + UBX, b"\xff" * 300, b"\0" * 300, b"login: \r\nPassword: \r\n"])
def test_binary_between_sentences_is_one_noise_per_stretch(binary):
    assert reasons(feed(GOOD + binary + GOOD + binary + GOOD)) == ["epoch", "noise", "epoch", "noise", "epoch"]
    assert reasons(feed(GOOD + binary)) == ["epoch", "noise"], "a stretch at the end counts too"


def test_a_sentence_right_behind_binary_and_binary_right_behind_a_sentence():
    assert reasons(feed(GOOD + UBX + BARE + UBX + BARE)) == ["epoch", "noise", "epoch", "noise", "epoch"]


def test_endless_noise_is_reported_while_it_lasts():
    found = feed(GOOD + b"\x80" * (3 * STRETCH + 10), finish=False)
    assert reasons(found) == ["epoch", "noise", "noise", "noise"]
    assert all(len(r.raw) <= 128 for r in found if isinstance(r, Rejected))


AIS = line("AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0", start=b"!")


def test_ais_sentences_are_framed_too():
    nmea = Nmea()
    assert reasons(nmea.feed(AIS + GOOD, RawNs(0))) == ["epoch"]
    assert nmea.seen == {"VDM": 1, "RMC": 1}


def test_an_exclamation_mark_starts_a_sentence():
    """Reserved in NMEA: inside a sentence it means that the sentence was cut by an AIS one."""
    assert reasons(feed(b"$GPRMC,1200" + AIS)) == ["truncated"]


def test_the_mark_of_a_frame_is_that_of_its_first_byte():
    framer: Framer[str] = Framer()
    assert framer.feed(GOOD[:10], "one") == []
    assert framer.feed(GOOD[10:] + GOOD + b"$GPGGA,12", "two") == [BARE[:-3], BARE[:-3]]
    assert framer.begun == "one"
    assert framer.feed(b"0000\r\n" + GOOD, "three") == [("no-checksum", b"$GPGGA,120000", "two"), BARE[:-3]]
    assert framer.begun == "three"
