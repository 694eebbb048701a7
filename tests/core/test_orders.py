"""Orders for receivers as a person writes them."""

from __future__ import annotations

import pytest

from gpstime.core.orders import Order, order


@pytest.mark.parametrize(
    ("text", "data", "answer"),
    [
        ("$PMTK605", b"$PMTK605*31\r\n", b""),  # from the PMTK command packet description
        ("$PMTK605*31 -> $PMTK705", b"$PMTK605*31\r\n", b"$PMTK705"),
        ("$PUBX,40,GLL,0,0,0,0,0,0", b"$PUBX,40,GLL,0,0,0,0,0,0*5C\r\n", b""),
        # CFG-RATE, polled
        ("hex b5 62 06 08 00 00", bytes.fromhex("b562060800000e30"), b""),
        ("hex b562060800000e30 -> hex b5 62 05 01", bytes.fromhex("b562060800000e30"), bytes.fromhex("b5620501")),
        ("hex a0 a1 00", b"\xa0\xa1\x00", b""),  # another maker's bytes go as they are
    ],
)
def test_what_is_sent(text: str, data: bytes, answer: bytes) -> None:
    made = order(text)
    assert (made.data, made.answer) == (data, answer)
    assert made.text == text.partition(" -> ")[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("PMTK605", "begins with [$]"),
        ("$PMTK605*32", "checksum of .* is [*]31"),
        ("$PMTK\x01", "neither an NMEA"),
        ("$A$B,1", "neither an NMEA"),
        ("hex", "bytes in hexadecimal"),
        ("hex b5 6", "bytes in hexadecimal"),
        ("hex b5 62 06 08 05 00 01", "no UBX frame"),
        ("hex b5 62 06 08 00 00 0e 31", "checksum of .* is 0e 30"),
        ("$PMTK605 -> yes", "neither an NMEA"),
        ("", "neither an NMEA"),
    ],
)
def test_what_is_no_order_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        order(text)


def test_answers() -> None:
    asked = order("$PMTK220,1000 -> $PMTK001,220,3")
    assert asked.answered(b"..$PMTK001,220,3*30\r\n")
    assert asked.contrary(b"..$PMTK001,220,3*30\r\n") == ""
    assert asked.contrary(b"..$PMTK001,220,1*32\r\n$GP") == "$PMTK001,220,1"
    assert asked.contrary(b"..$PMTK001,220,1") == "", "its end is still to come"
    assert Order("", b"", b"\xb5\x62").contrary(b"\xb5\x61") == ""
