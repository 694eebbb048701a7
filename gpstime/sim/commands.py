"""What a receiver does with what it is told: PMTK, PUBX and UBX orders, answered or not, kept or forgotten (P9, F-N27).

A clone hears and ignores everything. Settings are volatile unless said otherwise: a power cycle brings back the factory's.
Formats: MediaTek's PMTK command packet, u-blox 8 / M8 Receiver Description (PUBX,40, PUBX,41, UBX-CFG-RATE, UBX-ACK).
"""

from __future__ import annotations

from collections.abc import Callable

from gpstime.sim.personalities import personality
from gpstime.sim.sentences import framed

_PMTK_314 = ("GLL", "RMC", "VTG", "GGA", "GSA", "GSV")
"""The order of the fields of PMTK314."""
DONE, REFUSED = "3", "1"
"""Of PMTK001: done; unsupported."""
_UBX = b"\xb5\x62"


class Commanded:
    """A receiver's settings, and its ears: `hear` what the reader wrote, send back what it returns.

    `name`: its personality, which says whose orders it knows. `baud`, `sentences`, `period_ms` are in force now; `boot` is what it
    says when it starts.
    """

    def __init__(self, name: str, *, clone: bool = False, volatile: bool = True) -> None:
        self.who = personality(name)
        self._clone, self._volatile = clone, volatile
        self._dialect: Callable[[bytes], bytes] = self._pmtk if name in ("mtk3339", "l76") else self._ublox
        self._rest = b""
        self.ignored = 0
        self._factory()

    def _factory(self) -> None:
        self.baud, self.sentences, self.period_ms = self.who.baud, self.who.order, 1000

    @property
    def boot(self) -> bytes:
        return b"".join(framed(text) for text in self.who.boot)

    def power_cycle(self) -> bytes:
        """Off and on: what it says when it starts."""
        self._rest = b""
        if self._volatile:
            self._factory()
        return self.boot

    def hear(self, data: bytes) -> bytes:
        """Orders as they come, in any portions; the answers."""
        self._rest += data
        out = b""
        while (order := self._next()) is not None:
            if self._clone:
                self.ignored += 1
            else:
                out += self._dialect(order)
        return out

    def _next(self) -> bytes | None:
        """The next whole sentence or frame."""
        rest = self._rest
        if rest.startswith(_UBX):
            size = 8 + int.from_bytes(rest[4:6], "little") if len(rest) >= 6 else 8
            if len(rest) < size:
                return None
            self._rest = rest[size:]
            return rest[:size]
        line, end, after = rest.partition(b"\r\n")
        if not end:
            return None
        self._rest = after
        return line

    # ---- MediaTek ----------------------------------------------------------------------------------------------------------------

    def _pmtk(self, order: bytes) -> bytes:
        fields = _checked(order)
        if not fields or not fields[0].startswith("PMTK"):
            return b""  # another maker's, or a wrong checksum: not a word
        number = fields[0][4:]
        fields.append("")
        if number == "251" and fields[1].isdigit():
            self.baud = int(fields[1]) or self.who.baud
            return b""  # it has changed its rate already
        if number == "605":
            return framed("PMTK705,AXN_2.31_3339_13101700,5632,PA6H,1.0")
        if number == "220" and fields[1].isdigit() and 100 <= int(fields[1]) <= 10_000:
            self.period_ms = int(fields[1])
        elif number == "314" and len(fields) >= 8:
            self.sentences = tuple(name for name, every in zip(_PMTK_314, fields[1:], strict=False) if every != "0")
        else:
            return framed(f"PMTK001,{number},{REFUSED}")
        return framed(f"PMTK001,{number},{DONE}")

    # ---- u-blox ----------------------------------------------------------------------------------------------------------------

    def _ublox(self, order: bytes) -> bytes:
        if order.startswith(_UBX):
            return self._ubx(order)
        fields = _checked(order)
        if fields[:2] == ["PUBX", "40"] and len(fields) >= 5:
            names = [name for name in self.sentences if name != fields[2]]
            self.sentences = (*names, fields[2]) if fields[4] != "0" else tuple(names)
        elif fields[:2] == ["PUBX", "41"] and len(fields) >= 6 and fields[5].isdigit():
            self.baud = int(fields[5])
        return b""  # these are never acknowledged

    def _ubx(self, frame: bytes) -> bytes:
        if frame != frame[:-2] + _fletcher(frame[2:-2]):
            return b""
        kind, payload = frame[2:4], frame[6:-2]
        known = kind == b"\x06\x08" and len(payload) in (0, 6)  # CFG-RATE: poll or set
        if known and payload:
            self.period_ms = int.from_bytes(payload[:2], "little")
        poll = _frame(kind, self.period_ms.to_bytes(2, "little") + b"\1\0\1\0") if known and not payload else b""
        return poll + _frame(b"\x05\x01" if known else b"\x05\x00", kind)


def _frame(kind: bytes, payload: bytes) -> bytes:
    body = kind + len(payload).to_bytes(2, "little") + payload
    return _UBX + body + _fletcher(body)


def _fletcher(body: bytes) -> bytes:
    a = b = 0
    for byte in body:
        a = (a + byte) & 255
        b = (b + a) & 255
    return bytes((a, b))


def _checked(line: bytes) -> list[str]:
    """The fields of a sentence whose checksum is right; none else."""
    body, star, given = line.removeprefix(b"$").partition(b"*")
    x = 0
    for byte in body:
        x ^= byte
    if not line.startswith(b"$") or not star or given.strip().upper() != b"%02X" % x:
        return []
    return body.decode("ascii", "replace").split(",")
