"""NMEA 0183 framing: bytes in any portions in, whole checked sentences and named refusals out.

A sentence runs from `$` (or `!`, AIS) to `*HH`; the two hex digits end it, so nothing waits for a line end that may never come,
and CR LF, CR, LF or the next `$` may follow. A start byte inside a line starts afresh: what was cut off is refused, what follows
is read. Bytes that belong to no sentence (UBX, RTCM, login prompts, 0xFF bursts) are one `noise` per stretch.

The frames are a function of the bytes alone: how these were cut into portions changes nothing. At most `LIMIT` bytes are held back.
"""

from __future__ import annotations

import re
from typing import Generic, TypeAlias, TypeVar

Mark = TypeVar("Mark")
Refused: TypeAlias = tuple[str, bytes, Mark]
Frame: TypeAlias = bytes | Refused[Mark]

LIMIT = 128
"""Longest sentence read, in bytes, from its start byte to its checksum. NMEA says 82 with CR LF; receivers send about 100."""

STRETCH = 4096
"""A stretch of noise longer than this counts again, so that a port at the wrong baud rate is noticed while it runs."""

_FRAME = re.compile(rb"([$!][^$!*\r\n]{1,124}+)\*([0-9A-Fa-f]{2})")
_CANDIDATE = re.compile(rb"[$!][^$!\r\n]*")
_ADDRESS = re.compile(rb"[$!][A-Z0-9]{3,15}(?:[,*]|\Z)")
_BOUNDARY = re.compile(rb"[$!\r\n]")
_HEX = b"0123456789abcdefABCDEF"
_CHECK = {bytes((a, b)): int(bytes((a, b)), 16) for a in _HEX for b in _HEX}
_QUIET = frozenset((b"", b"\r\n", b"\n", b"\r"))
_from_bytes = int.from_bytes


def xor(body: bytes) -> int:
    """XOR of all bytes, for at most 128 of them: the number is folded in halves, five times faster than byte by byte."""
    x = _from_bytes(body, "little")
    x ^= x >> 512
    x ^= x >> 256
    x ^= x >> 128
    x ^= x >> 64
    x ^= x >> 32
    x ^= x >> 16
    return (x ^ x >> 8) & 0xFF


def whole(body: bytes) -> bytes:
    """The sentence with its checksum again, from its start byte on."""
    return b"%b*%02X" % (body, xor(body[1:]))


class Framer(Generic[Mark]):
    """Cuts a byte stream into frames.

    A good frame is the sentence from its start byte up to, not including, its `*`. A refused one is `(reason, bytes, mark)` with a
    reason of bad-checksum, no-checksum, malformed, truncated, too-long or noise, and at most 128 of its bytes. `mark` is whatever
    the caller gave with the portion that held the frame's first byte.
    """

    def __init__(self) -> None:
        self.begun: Mark | None = None
        """The mark of the first good frame of the last list; every later good one has the mark of the portion fed last."""
        self._carry = b""
        self._carry_mark: Mark | None = None
        self._noise = b""
        self._noise_mark: Mark | None = None
        self._noise_bytes = 0
        self._skipping = False
        """Inside a line that was refused as too long: the rest of it is not looked at."""
        self._opening = LIMIT
        """Bytes that may still belong to the line into which we tuned in: it is dropped without a word."""

    def feed(self, portion: bytes, mark: Mark) -> list[Frame[Mark]]:
        """The frames that this portion completes."""
        first = mark
        if self._carry:
            portion, self._carry = self._carry + portion, b""
            assert self._carry_mark is not None
            first = self._carry_mark
        elif self._skipping or self._opening:
            portion = self._resume(portion)
        self.begun = first
        frames: list[Frame[Mark]] = []
        add = frames.append
        noisy = self._noise_bytes > 0
        parts = _FRAME.split(portion)  # rest, body, checksum, rest, body, checksum, …, rest
        pieces = iter(parts)
        for rest, body, check in zip(pieces, pieces, pieces, strict=False):
            if rest != b"\r\n" and rest not in _QUIET:
                self._leftover(rest, first, mark, frames, ended=True)
                noisy = True
                if first is not mark:
                    first = self.begun = mark
            if noisy:
                self._end_noise(frames)
                noisy = False
            x = _from_bytes(body, "little")  # as in xor(): a call would cost a tenth of the whole
            x ^= x >> 512
            x ^= x >> 256
            x ^= x >> 128
            x ^= x >> 64
            x ^= x >> 32
            x ^= x >> 16
            if (x ^ x >> 8) & 0xFF ^ _CHECK[check] == body[0]:  # the start byte, not part of the checksum, is in both sides
                add(body)
            else:
                add(("bad-checksum", body + b"*" + check, first))
                if first is not mark:
                    self.begun = mark
            first = mark
        rest = parts[-1]
        if rest not in _QUIET:
            self._leftover(rest, first, mark, frames, ended=False)
        return frames

    def finish(self) -> list[Refused[Mark]]:
        """The stream ends here: what was held back is refused, and what comes next starts in the middle of a line again."""
        frames: list[Frame[Mark]] = []
        carry, self._carry = self._carry, b""
        if carry:
            assert self._carry_mark is not None
            self._refuse("truncated", carry, self._carry_mark, frames)
        self._end_noise(frames)
        self._skipping = False
        self._opening = LIMIT
        return [frame for frame in frames if isinstance(frame, tuple)]

    def _resume(self, portion: bytes) -> bytes:
        """`portion` without what still belongs to a too long line, or to the line into which we tuned in."""
        boundary = _BOUNDARY.search(portion)
        if self._skipping:
            if boundary is None:
                return b""
            self._skipping = False
            return portion[boundary.start() :]
        dropped = min(boundary.start() if boundary else len(portion), self._opening)
        self._opening = 0 if boundary else self._opening - dropped
        return portion[dropped:]

    def _leftover(self, rest: bytes, first: Mark, mark: Mark, frames: list[Frame[Mark]], *, ended: bool) -> None:
        """Bytes between whole sentences, or behind the last one. `ended`: the next byte of the stream is a start byte."""
        done = 0
        for match in _CANDIDATE.finditer(rest):
            start, end = match.span()
            if start > done:
                self._hear_noise(rest[done:start], mark, frames)
            done = end
            at = first if start == 0 else mark
            line = match.group()
            if end == len(rest) and not ended and len(line) <= LIMIT:
                self._carry, self._carry_mark = line, at
            elif len(line) > LIMIT:
                if self._refuse("too-long", line, at, frames):
                    self._skipping = end == len(rest) and not ended
            elif b"*" in line:
                self._refuse("malformed", line, at, frames)
            else:
                self._refuse("truncated" if (end == len(rest) or rest[end] in b"$!") else "no-checksum", line, at, frames)
        if done < len(rest):
            self._hear_noise(rest[done:], mark, frames)

    def _refuse(self, reason: str, line: bytes, at: Mark, frames: list[Frame[Mark]]) -> bool:
        """Refuse `line` if it starts like a sentence; otherwise it is a `$` in binary by chance: noise. True if refused."""
        if not _ADDRESS.match(line):
            self._hear_noise(line, at, frames)
            return False
        self._end_noise(frames)
        frames.append((reason, line[:LIMIT], at))
        return True

    def _hear_noise(self, noise: bytes, at: Mark, frames: list[Frame[Mark]]) -> None:
        noise = noise.translate(None, b"\r\n")
        done = 0
        while done < len(noise):
            if not self._noise_bytes:
                self._noise_mark = at
            taken = min(len(noise) - done, STRETCH - self._noise_bytes)
            self._noise += noise[done : done + min(taken, LIMIT - len(self._noise))]
            self._noise_bytes += taken
            done += taken
            if self._noise_bytes == STRETCH:
                self._end_noise(frames)

    def _end_noise(self, frames: list[Frame[Mark]]) -> None:
        if self._noise_bytes:
            assert self._noise_mark is not None
            frames.append(("noise", self._noise, self._noise_mark))
            self._noise, self._noise_bytes = b"", 0
