"""Which baud rate? Passive: listen at one rate after another and count what has a right checksum (P9). Nothing is sent.

A receiver that lost its settings with the power speaks at its factory's rate again; some clones ignore all commands. So the rate is
found by listening, each time that the line stops making sense.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.core.framing import Framer
from gpstime.times import NS, RawNs

RATES = (9600, 38400, 115200, 4800, 57600, 19200, 230400, 460800)
"""What receivers speak, the usual ones first: u-blox up to M8 and MTK 9600, u-blox M9 and M10 38400, set up by somebody 115200."""
LISTEN_NS = 2_200_000_000
"""A receiver speaks once a second: two bursts, and one that was begun."""
SURE = 3
_TEXT = bytes((9, 10, 13, *range(32, 127)))


@dataclass(frozen=True, slots=True)
class Score:
    """What some bytes amount to: whole sentences and UBX frames with a right checksum, sentences with a wrong one, all bytes, and
    those that no text has."""

    good: int
    bad: int
    size: int
    strange: int


def score(data: bytes) -> Score:
    """Count. A line begun before or cut after `data` counts as nothing."""
    frames = Framer[int]().feed(b"\n" + data, 0)
    good = sum(1 for frame in frames if isinstance(frame, bytes)) + _ubx(data)
    bad = sum(1 for frame in frames if isinstance(frame, tuple) and frame[0] == "bad-checksum")
    return Score(good, bad, len(data), len(data.translate(None, _TEXT)))


def _ubx(data: bytes) -> int:
    """UBX frames with a right checksum (8-bit Fletcher over class, id, length and payload)."""
    found, start = 0, data.find(b"\xb5\x62")
    while start >= 0:
        end = start + 6 + int.from_bytes(data[start + 4 : start + 6], "little")
        step = 2
        if end + 2 <= len(data):
            a = b = 0
            for byte in data[start + 2 : end]:
                a = (a + byte) & 255
                b = (b + a) & 255
            if (a, b) == (data[end], data[end + 1]):
                found += 1
                step = end + 2 - start
        start = data.find(b"\xb5\x62", start + step)
    return found


class BaudSearch:
    """Tell it what is heard at `rate`, and set the rate that it wants. `over`: `found` is the rate or None, `why` a sentence."""

    def __init__(self, first: int | None = None, rates: tuple[int, ...] = RATES) -> None:
        self._rates = (*(() if first is None else (first,)), *(r for r in rates if r != first))
        self._i = 0
        self._since: RawNs | None = None
        self._data = bytearray()
        self._total = 0
        self.over = False
        self.found: int | None = None
        self.why = ""

    @property
    def rate(self) -> int:
        """The rate to listen at now."""
        return self._rates[self._i] if self.found is None else self.found

    def heard(self, at: RawNs, data: bytes) -> bool:
        """Bytes, or none, heard at `rate` up to `at`. True when `rate` has changed: set it, and forget what is buffered."""
        assert not self.over, "the search is over"
        if self._since is None:
            self._since = at
        self._data += data
        self._total += len(data)
        ended = at - self._since >= LISTEN_NS
        if not ended and b"*" not in data:
            return False
        s = score(bytes(self._data))
        if s.good > 2 * s.bad and (s.good >= SURE or (ended and s.good)):
            self.found, self.over = self.rate, True
            self.why = f"{self.rate} baud: {s.good} sentences with a right checksum in {(at - self._since) / NS:.1f} s."
            return False
        if not ended:
            return False
        self._since = None
        self._data.clear()
        if self._i + 1 < len(self._rates):
            self._i += 1
            return True
        self._i, self.over = 0, True
        self.why = self._nothing()
        return True

    def _nothing(self) -> str:
        listened = f"{len(self._rates)} baud rates from {min(self._rates)} to {max(self._rates)}"
        if not self._total:
            return (
                f"No byte came at any of {listened}: is the receiver powered, is its TX wired to the board's RX (GPIO15, pin 10), "
                "and is this the port on the header?"
            )
        return (
            f"Bytes came, but no sentence at any of {listened}: the receiver speaks another protocol or rate, the line is inverted "
            "(RS-232), or the rate of the mini UART moved with the core clock (core_freq=250 in config.txt holds it)."
        )
