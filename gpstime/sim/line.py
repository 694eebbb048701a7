"""The serial line: baud pacing, the chunks in which a reader gets the bytes, and what happens to bytes on the way.

All times are true ns since the start of the run. A chunk carries the arrival of its first byte.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from gpstime.sim.faults import Fault
from gpstime.sim.sentences import framed
from gpstime.sim.streams import stream
from gpstime.times import NS

Mangle = Callable[[bytes, Fault, random.Random, int], bytes]


class Line:
    """Sends bursts. `busy_until` is when the last byte handed over will have left: a burst waits for the one before it."""

    def __init__(self, baud: int, read_ms: float, seed: int, faults: Sequence[Fault]) -> None:
        self._byte_ns = 10 * NS / baud
        self._baud = baud
        self._read_ms = read_ms
        self.busy_until = 0
        by_name = {f.name: f for f in faults}
        self._mangles = [(m, by_name[n], stream(seed, f"fault/{n}")) for n, m in MANGLES.items() if n in by_name]
        self._losses = [
            (by_name[n], stream(seed, f"fault/{n}")) for n in ("nmea-silent", "unplug", "second-reader") if n in by_name
        ]
        self._wrong = by_name.get("wrong-baud")
        self._drift = by_name.get("baud-drift")
        self._buffer_ns = round(by_name["backlog"].number("buffer") * 1e9) if "backlog" in by_name else NS
        if "second-reader" in by_name:
            self._read_ms = min(read_ms, 8e4 / baud)
        self.port = "ttyAMA0"

    def send(self, k: int, start: int, burst: bytes, sent_baud: int | None = None) -> list[tuple[int, bytes]]:
        """(arrival, bytes) of each chunk of a burst that is ready at `start`; nothing if the transmit buffer is full.

        `sent_baud`: the sender's rate where it isn't the line's.
        """
        for mangle, fault, draw in self._mangles:
            if fault.on(k):
                burst = mangle(burst, fault, draw, k)
        if not burst:
            return []
        byte_ns = self._byte_ns if sent_baud is None else 10 * NS / sent_baud
        if start < self.busy_until:
            if self.busy_until - start > self._buffer_ns:
                return []
            start = self.busy_until
        lasts = len(burst) * byte_ns
        self.busy_until = start + int(lasts)
        heard = self._heard(k, burst, sent_baud)
        if heard is not None:
            burst = heard
            byte_ns = lasts / max(len(burst), 1)
        size = max(1, int(self._read_ms * 1e6 / byte_ns))
        chunks = [(start + int(i * byte_ns), burst[i : i + size]) for i in range(0, len(burst), size)]
        for fault, draw in self._losses:
            share = float(fault.values.get("share", 1.0))
            # A line that is read or silent is so at the chunk's own time, not at its second's.
            chunks = [c for c in chunks if not (draw.random() < share and fault.on(c[0] / NS))]
        return chunks

    def _heard(self, k: int, burst: bytes, sent_baud: int | None) -> bytes | None:
        """What the receiving UART makes of it, None if it hears right."""
        ratio = 1.0 if sent_baud is None else self._baud / sent_baud
        if self._wrong is not None and self._wrong.on(k):
            ratio = self._wrong.number("baud") / self._baud
        if self._drift is not None and self._drift.on(k):
            ratio *= self._drift.number("ratio")
        return None if ratio == 1.0 else uart(burst, ratio)


def uart(sent: bytes, ratio: float) -> bytes:
    """`sent` 8N1 without pauses as a receiver hears it whose baud rate is `ratio` times the sender's.

    The receiver waits for a falling edge and samples the middle of each of its bits. A frame without a stop bit is read as 0
    (what termios does when neither IGNPAR nor PARMRK is set).
    """
    bits = bytearray()
    for byte in sent:
        bits += bytes((0, *((byte >> i) & 1 for i in range(8)), 1))
    bits += bytes((1,)) * (10 + int(10 / ratio))
    step, out = 1.0 / ratio, bytearray()
    position = 0.0
    while True:
        start = bits.find(0, int(position))
        if start < 0:
            return bytes(out)
        begin = max(position, float(start))
        samples = [bits[min(int(begin + (i + 0.5) * step), len(bits) - 1)] for i in range(10)]
        out.append(sum(bit << i for i, bit in enumerate(samples[1:9])) if samples[9] else 0)
        position = begin + 9.5 * step
        if not samples[9]:  # a break: the next start bit needs a high line first
            high = bits.find(1, int(position))
            if high < 0:
                return bytes(out)
            position = float(high)


# ---- what happens to the bytes of a burst: (burst, fault, its own randomness, true second) -> burst ------------------------------


def _lines(change: Callable[[bytes, random.Random], bytes], burst: bytes, fault: Fault, draw: random.Random) -> bytes:
    """Apply a change to each line with the fault's probability."""
    rate = fault.number("rate")
    return b"".join([change(line, draw) if draw.random() < rate else line for line in burst.splitlines(keepends=True)])


def _missing(burst: bytes, fault: Fault, draw: random.Random, k: int) -> bytes:
    return _lines(lambda line, _: b"", burst, fault, draw)


def _truncated(burst: bytes, fault: Fault, draw: random.Random, k: int) -> bytes:
    return _lines(lambda line, d: line[: d.randrange(1, max(2, len(line) - 5))] + b"\r\n", burst, fault, draw)


def _glued(burst: bytes, fault: Fault, draw: random.Random, k: int) -> bytes:
    return _lines(lambda line, _: line.rstrip(b"\r\n"), burst, fault, draw)


def _cr_only(burst: bytes, fault: Fault, draw: random.Random, k: int) -> bytes:
    return burst.replace(b"\r\n", b"\r")


def _xor_flip(burst: bytes, fault: Fault, draw: random.Random, k: int) -> bytes:
    """The same bit flipped in two digits of the time: the checksum is right, the time isn't (120000 becomes 130100)."""

    def flip(line: bytes, d: random.Random) -> bytes:
        field = line.find(b",") + 1
        if line[field : field + 6].isdigit():
            a, b = d.sample(range(field, field + 6), 2)
            bit = 1 << d.randrange(2)
            out = bytearray(line)
            out[a] ^= bit
            out[b] ^= bit
            return bytes(out)
        return line

    return _lines(flip, burst, fault, draw)


def _bit_errors(burst: bytes, fault: Fault, draw: random.Random, k: int) -> bytes:
    rate = fault.number("rate")
    if rate <= 0.0:
        return burst
    per_bit = -math.log1p(-min(rate, 0.999))  # a whole exponential with this rate is a geometric gap
    out, at = bytearray(burst), int(draw.expovariate(per_bit))
    while at < 8 * len(out):
        out[at >> 3] ^= 1 << (at & 7)
        at += 1 + int(draw.expovariate(per_bit))
    return bytes(out)


def _noise_bursts(burst: bytes, fault: Fault, draw: random.Random, k: int) -> bytes:
    at, byte = draw.randrange(len(burst) + 1), draw.choice((b"\xff", b"\x00"))
    return burst[:at] + byte * int(fault.number("length")) + burst[at:] if draw.random() < fault.number("rate") else burst


def _login(burst: bytes, fault: Fault, draw: random.Random, k: int) -> bytes:
    return burst if k % max(1, int(fault.number("every"))) else b"\r\nraspberrypi login: " + burst


def _ubx(burst: bytes, fault: Fault, draw: random.Random, k: int) -> bytes:
    """UBX frames between the lines: sync, class, id, length, payload, Fletcher checksum (u-blox M8 protocol, 32.4)."""
    share, out = min(0.9, fault.number("share")), []
    for line in burst.splitlines(keepends=True):
        out.append(line)
        length = draw.randrange(int(2 * len(line) * share / (1 - share)) + 1)
        if length >= 8:
            body = bytes((1, draw.choice((7, 0x22, 0x35)))) + (length - 8).to_bytes(2, "little") + draw.randbytes(length - 8)
            a = b = 0
            for byte in body:
                a = (a + byte) & 255
                b = (b + a) & 255
            out.append(b"\xb5\x62" + body + bytes((a, b)))
    return b"".join(out)


_CHATTER = (
    framed("PUBX,00,081350.00,5128.67200,N,00000.05100,W,46.0,G3,2.1,2.0,0.007,77.52,0.007,,0.92,1.19,0.77,9,0,0"),
    framed("PMTK001,314,3"),
    framed("GNTXT,01,01,02,ANTSTATUS=OK"),
    framed("PGTOP,11,3"),
    framed("GPXYZ,1,2,3"),
    b"!AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0*7D\r\n",
)


def _chatter(burst: bytes, fault: Fault, draw: random.Random, k: int) -> bytes:
    extra, hit = draw.choice(_CHATTER), draw.random() < fault.number("rate")
    return burst + extra if hit else burst


def _mid_sentence(burst: bytes, fault: Fault, draw: random.Random, k: int) -> bytes:
    return burst[draw.randrange(1, max(2, min(len(burst) - 2, 60))) :] if k == int(fault.at_s) else burst


MANGLES: dict[str, Mangle] = {
    "missing-sentences": _missing,
    "xor-flip": _xor_flip,
    "truncated": _truncated,
    "glued": _glued,
    "cr-only": _cr_only,
    "chatter": _chatter,
    "binary-noise": _ubx,
    "login-console": _login,
    "noise-bursts": _noise_bursts,
    "bit-errors": _bit_errors,
    "mid-sentence": _mid_sentence,
}
"""In this order: a line is lost or changed first, then bytes and bits."""
