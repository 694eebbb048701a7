"""`gpstime nmea FILE`: every epoch and every rejection of what a receiver said.

FILE is raw receiver output (as `cat /dev/ttyAMA0 > FILE` writes it), an open capture (the bytes of its `serial` lines are used),
either of them compressed with xz or zstd, or `-` for standard input. It is read as a stream, whatever its size.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any, BinaryIO, cast

from gpstime.app.nmea_words import Tally, as_json_line, as_text_line, why_nothing
from gpstime.core.nmea import Nmea
from gpstime.errors import CaptureError, CaptureUnreadable
from gpstime.model import DeviceLost, Epoch, Rejected, SerialBytes
from gpstime.store.lines import portions
from gpstime.store.recorded import RecordedWorld
from gpstime.times import RawNs

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

    A file that is damaged on the way is read as far as it goes, and the damage is said on stderr. `CaptureUnreadable` or
    `CaptureError` if nothing of it could be used; what could be read has been written by then.
    """
    tally = Tally()
    write = as_json_line if json else as_text_line
    try:
        for results in _results(file, tally):
            out.writelines(write(result) for result in results)
            if file == "-":
                out.flush()
    except CaptureError as damage:
        if tally.portions:  # damaged on the way: what was read counts
            out.write(tally.as_json() if json else tally.as_text(file))
        if not tally.epochs:
            raise
        print(f"gpstime nmea: {' '.join(str(damage).split())}", file=sys.stderr)
        return 0
    out.write(tally.as_json() if json else tally.as_text(file))
    if tally.epochs:
        return 0
    print(f"gpstime nmea: {why_nothing(file, tally)}", file=sys.stderr)
    return 1


# ---- reading --------------------------------------------------------------------------------------------------------------------


def _results(file: str, tally: Tally) -> Iterator[list[Epoch | Rejected]]:
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
