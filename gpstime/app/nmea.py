"""`gpstime nmea FILE`: every epoch and every rejection of what a receiver said.

FILE is raw receiver output (as `cat /dev/ttyAMA0 > FILE` writes it), an open capture (the bytes of its `serial` lines are used),
either of them compressed with xz or zstd, or `-` for standard input. It is read as a stream, whatever its size.
"""

from __future__ import annotations

import argparse
import io
import json as json_module
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import IO, Any, BinaryIO, cast

from gpstime.app.talk import Said, Talk
from gpstime.core.nmea import Nmea
from gpstime.errors import CaptureError, CaptureUnreadable
from gpstime.model import DeviceLost, Epoch, Rejected, SerialBytes
from gpstime.store.lines import portions
from gpstime.store.recorded import RecordedWorld
from gpstime.times import RawNs, UtcTime

_MAX_PORTS = 16
"""Ports of a capture that get a parser of their own; a capture that names more is damaged, and the rest share one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="raw receiver output or an open capture, plain or .xz; - is standard input")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object per line: epochs, rejections, and a summary at the end"
    )


def command(args: argparse.Namespace) -> int:
    return nmea(args.file, json=args.json, out=sys.stdout)


def nmea(file: str, *, json: bool, out: IO[str]) -> int:
    """Write all epochs and rejections of `file` to `out`; 0 if there was an epoch, 1 (and a sentence on stderr) if none.

    `CaptureUnreadable` or `CaptureError` if the file can't be read; what came before the damage has been written by then.
    """
    tally = _Tally()
    write = _as_json if json else _as_text
    try:
        for results in _results(file, tally):
            out.writelines(write(result) for result in results)
            if file == "-":
                out.flush()
    except CaptureError:
        if tally.portions:  # damaged on the way: what was read counts
            out.write(tally.as_json() if json else tally.as_text(file))
        raise
    out.write(tally.as_json() if json else tally.as_text(file))
    if tally.epochs:
        return 0
    print(f"gpstime nmea: {_why_nothing(file, tally)}", file=sys.stderr)
    return 1


# ---- reading --------------------------------------------------------------------------------------------------------------------


def _results(file: str, tally: _Tally) -> Iterator[list[Epoch | Rejected]]:
    """What the parser finds, portion by portion, counted in `tally`."""
    parsers: dict[str, Nmea] = {}

    def parser(port: str) -> Nmea:
        port = port if port in parsers or len(parsers) < _MAX_PORTS else next(iter(parsers))
        if port not in parsers:
            parsers[port] = Nmea()
            parsers[port].lines = tally.talk.hear
        return parsers[port]

    try:
        for port, at, data in _serial(file):
            if data:
                yield tally.count(parser(port).feed(data, at))
            elif port in parsers:
                yield tally.count(parsers[port].finish())
        for one in parsers.values():
            yield tally.count(one.finish())
    finally:
        for one in parsers.values():
            tally.sentences.update(one.seen)


def _serial(file: str) -> Iterator[tuple[str, RawNs, bytes]]:
    """(port, arrival, bytes); no bytes: that port was lost."""
    name = "standard input" if file == "-" else file
    damage: Counter[str] = Counter()
    try:
        source: BinaryIO = sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: SIM115 - closed below
        try:
            read = portions(source, damage)
            first = next(read, b"")
            if _is_capture(first):
                for event in RecordedWorld(cast(BinaryIO, _Again(first, read)), name).events():
                    if isinstance(event, SerialBytes):
                        yield event.port, event.at, event.data
                    elif isinstance(event, DeviceLost):
                        yield event.source, event.at, b""
            else:
                yield "", RawNs(0), first
                for portion in read:
                    yield "", RawNs(0), portion
        finally:
            if file != "-":
                source.close()
    except CaptureError:
        raise
    except (OSError, ValueError) as e:  # ValueError: a null byte in the name
        what = getattr(e, "strerror", None) or e
        remedy = "give a file of receiver output, or - for standard input"
        raise CaptureUnreadable(f"can't read {name}: {what} ({remedy})") from e
    if damage:
        raise CaptureError(
            f"{name} is a damaged or unfinished compressed file: what stood before the damage was read; `xz -t` shows it"
        )


def _is_capture(first: bytes) -> bool:
    """Whether this is how an open capture begins: a JSON object with a kind. (Logs of gpsd have JSON too, but no `k`.)"""
    line = first.lstrip()[:4096].partition(b"\n")[0]
    return line.startswith(b"{") and b'"k"' in line


class _Again(io.RawIOBase):
    """A binary stream over portions of which the first has already been looked at."""

    def __init__(self, first: bytes, rest: Iterator[bytes]) -> None:
        self._held = first
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._held = self._held or next(self._rest, b"")
        n = min(len(buffer), len(self._held))
        buffer[:n], self._held = self._held[:n], self._held[n:]
        return n


# ---- writing --------------------------------------------------------------------------------------------------------------------

_DAMAGED_TEXT = str.maketrans({chr(c): "?" for c in (*range(32), *range(127, 160))})


def _as_json(result: Epoch | Rejected) -> str:
    if isinstance(result, Epoch):
        sentence = json_module.dumps(result.sentence)
        return (
            f'{{"k":"epoch","utc":"{result.second.iso(3)}","valid":{"true" if result.valid else "false"},"sentence":{sentence}}}\n'
        )
    return f'{{"k":"rejected","reason":"{result.reason}"}}\n'


def _as_text(result: Epoch | Rejected) -> str:
    if isinstance(result, Epoch):
        if result.valid:
            word = "valid"
        elif result.fix is None:
            word = ""
        else:
            word = "fix" if result.fix else "no fix"
        carried = "" if result.dated else "  (date of another sentence)"
        return f"{result.second.iso(3)}  {word:6}  {result.sentence.translate(_DAMAGED_TEXT)}{carried}\n"
    return f"{'rejected':24}  {result.reason}: {_legible(result.raw)}\n"


def _legible(raw: bytes) -> str:
    """The beginning of a rejected line; hex where most of it is binary."""
    text = raw.decode("ascii", "backslashreplace").translate(_DAMAGED_TEXT)
    if 4 * sum(32 <= byte < 127 for byte in raw) < 3 * len(raw):
        maker = "UBX binary, " if raw.startswith(b"\xb5b") else ""
        text = f"{maker}{raw.hex(' ')}"
    return text if len(text) <= 72 else text[:71] + "…"


class _Tally:
    """Counts for the summary."""

    def __init__(self) -> None:
        self.portions = 0
        self.epochs = 0
        self.valid = 0
        self.rejected: Counter[str] = Counter()
        self.sentences: Counter[str] = Counter()
        self.first: UtcTime | None = None
        self.last: UtcTime | None = None
        self.talk = Talk()

    def count(self, results: list[Epoch | Rejected]) -> list[Epoch | Rejected]:
        self.portions += 1
        for result in results:
            if isinstance(result, Rejected):
                self.rejected[result.reason] += 1
                continue
            self.epochs += 1
            if result.valid:
                self.valid += 1
                self.first = self.first or result.second
                self.last = result.second
        return results

    def as_json(self) -> str:
        summary = {"k": "summary", "epochs": self.epochs, "valid": self.valid, "rejected": dict(sorted(self.rejected.items()))}
        return json_module.dumps(summary, separators=(",", ":")) + "\n"

    def as_text(self, file: str) -> str:
        lines = [
            "",
            f"{file}: {self.epochs} epochs, {self.valid} of them valid (the receiver's own word: status A with a real mode)",
        ]
        if self.first and self.last:
            lines.append(f"  valid from {self.first.iso(3)} to {self.last.iso(3)}")
        if self.sentences:
            lines.append(f"  sentences: {_counts(self.sentences)}")
        if self.rejected:
            lines.append(f"  rejected: {_counts(self.rejected)}")
        lines.extend(f"  {line}" for line in _in_words(self.talk.said()))
        return "\n".join(lines).translate({**_DAMAGED_TEXT, 10: "\n"}) + "\n"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _in_words(said: Said) -> Iterable[str]:
    """The receiver's words at the end of the stream."""
    state = [word for word in (said.fix, said.dimensions) if word]
    if said.satellites is not None:
        state.append(f"{said.satellites} satellites used")
    if said.hdop is not None:
        state.append(f"HDOP {said.hdop:g}")
    if said.in_view:
        state.append("in view " + " ".join(f"{talker} {n}" for talker, n in sorted(said.in_view.items())))
    if state:
        yield "at the end: " + ", ".join(state)
    for text in said.texts:
        yield f"it says: {text}"
    for word in said.proprietary:
        yield f"its maker's: {word}"


def _why_nothing(file: str, tally: _Tally) -> str:
    """Why a stream held no epoch, and what to do, in a sentence."""
    if not tally.rejected and not tally.sentences:
        return f"no epoch in {file}: it holds no NMEA at all; is the receiver connected, and the port's baud rate right?"
    if tally.rejected["no-checksum"] and not tally.sentences:
        return f"no epoch in {file}: its sentences have no checksum, and without one a damaged time can't be told from a good one"
    if not tally.sentences:
        return f"no epoch in {file}: not one whole sentence in it; is it NMEA, and was the port's baud rate right?"
    if tally.rejected["no-date"] and not (tally.sentences["RMC"] or tally.sentences["ZDA"]):
        return f"no epoch in {file}: its times have no date; RMC or ZDA must be switched on in the receiver"
    if tally.rejected["no-time"] or tally.rejected["no-date"]:
        return f"no epoch in {file}: the receiver had no time yet; it needs a view of the sky, and up to 15 minutes"
    return f"no epoch in {file}: none of its sentences names a time; RMC or ZDA must be switched on in the receiver"
