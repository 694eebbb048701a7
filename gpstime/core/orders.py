"""What a user wants sent to a receiver when its port opens, and the answer that shows that it was understood (P9, F-N27).

An order is written as `SENTENCE`, or `SENTENCE -> ANSWER`: an NMEA sentence (`$PMTK220,1000 -> $PMTK001,220,3`), whose checksum is
added where it has none, or bytes (`hex b5 62 06 08 00 00 -> hex b5 62 05 01 02 00 06 08`), where a UBX frame gets its checksum.
The answer is what its line or frame begins with; a sentence without one is sent and believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

MOST = 32
"""Orders that may be given: a second or two each, where they are answered."""
LONGEST = 256
_ARROW = " -> "
_UBX = b"\xb5\x62"


@dataclass(frozen=True, slots=True)
class Order:
    """`text`: as the user wrote it, without the answer; `answer` empty: none is expected."""

    text: str
    data: bytes
    answer: bytes = b""

    def answered(self, heard: bytes) -> bool:
        return self.answer in heard

    def contrary(self, heard: bytes) -> str:
        """The line that answers this order otherwise (the same up to its last comma), empty if there is none."""
        stem, comma, _ = self.answer.rpartition(b",")
        at = heard.find(stem + comma) if comma and self.answer.startswith(b"$") else -1
        end = heard.find(b"\r", at)
        return heard[at:end].partition(b"*")[0].decode("ascii", "replace") if 0 <= at < end and not self.answered(heard) else ""


def order(text: str) -> Order:
    """The order written so; ValueError says what to write instead."""
    what, _, answer = text.partition(_ARROW)
    return Order(what.strip(), _sendable(what.strip()), _expected(answer.strip()))


def _sendable(text: str) -> bytes:
    if not text.startswith("hex"):
        body, star, given = _sentence(text).partition("*")
        right = f"{reduce(lambda a, b: a ^ b, body[1:].encode()):02X}"
        if star and given.upper() != right:
            raise ValueError(f"the checksum of {text!r} is *{right}; leave it out, and it is added")
        return f"{body}*{right}\r\n".encode()
    data = _bytes(text)
    if not data.startswith(_UBX):
        return data
    if len(data) < 6 or len(data) - 6 - int.from_bytes(data[4:6], "little") not in (0, 2):
        raise ValueError(f"{text!r} is no UBX frame: class, id and a length of two bytes that fits what follows")
    a = b = 0
    payload = data[2 : 6 + int.from_bytes(data[4:6], "little")]
    for byte in payload:
        a = (a + byte) & 255
        b = (b + a) & 255
    whole = _UBX + payload + bytes((a, b))
    if len(data) == len(whole) and data != whole:
        raise ValueError(f"the checksum of {text!r} is {a:02x} {b:02x}; leave it out, and it is added")
    return whole


def _expected(text: str) -> bytes:
    if not text:
        return b""
    return _bytes(text) if text.startswith("hex") else _sentence(text).encode()


def _sentence(text: str) -> str:
    if not (text.startswith("$") and 3 < len(text) <= LONGEST and text.isascii() and text.isprintable() and "$" not in text[1:]):
        raise ValueError(f"{text!r} is neither an NMEA sentence (it begins with $) nor bytes (hex b5 62 ...)")
    return text


def _bytes(text: str) -> bytes:
    try:
        data = bytes.fromhex(text.removeprefix("hex"))
    except ValueError:
        data = b""
    if not 0 < len(data) <= LONGEST:
        raise ValueError(f"{text!r} is no row of 1 to {LONGEST} bytes in hexadecimal, like hex b5 62 06 08 00 00")
    return data
