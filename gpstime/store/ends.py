"""The ends of a run's files, which tell enough of it for a list and for a start: a few reads, however long the run is.

Marks count from the start of their run, so that its first and its last batch say how many there are, when it began and ended, and
which of its seconds still stand. What lies between is not looked at: damage in there is found by who reads the whole run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from gpstime.model import Event
from gpstime.store.batches import Batch, batches
from gpstime.store.capture import decode
from gpstime.store.marks import Head, Mark, Skipped, anchors
from gpstime.store.shelf import Segment, segments
from gpstime.times import NS, RawNs, UtcTime

PIECE = 1 << 15
"""bytes that are read of an end: ten minutes of batches of an ordinary run; more where no whole batch lies in them"""
LOOK_BACK = 20
"""runs in which a service looks for a second at its start: a board that is restarted over and over must not read them all"""


HELD_NS = 30 * NS
"""A second bounds the time of later runs only if the one named this long before it agrees: a label of a few pulses may be luck."""


class Files(Protocol):
    """A run as its files."""

    @property
    def number(self) -> int: ...
    @property
    def kept(self) -> list[Segment]: ...
    @property
    def raw(self) -> list[Segment]: ...


@dataclass
class Ends:
    """What the ends of a run say: `marks` (those seen, in order), `first` event, `batches` by their numbers (lost ones included),
    `has_bytes` and `damage` as far as one sees from there."""

    number: int
    head: dict[str, Any] = field(default_factory=dict)
    first: RawNs | None = None
    marks: list[Mark] = field(default_factory=list)
    batches: int = 0
    has_bytes: bool = False
    damage: Counter[str] = field(default_factory=Counter)


class _Reading:
    """Pieces of files; damage in them is counted once, although pieces may overlap."""

    def __init__(self) -> None:
        self._damage: dict[tuple[Path, int], str] = {}
        self.head: dict[str, Any] = {}
        self.first: RawNs | None = None

    @property
    def damage(self) -> Counter[str]:
        return Counter(self._damage.values())

    def piece(self, segment: Segment, *, at_end: bool) -> list[Mark]:
        """The marks of the whole batches in the first or the last bytes, of as many bytes as it takes to find one."""
        length = PIECE
        while True:
            start = max(segment.size - length, 0) if at_end else 0
            try:
                with segment.path.open("rb") as file:
                    file.seek(start)
                    data = file.read(min(length, segment.size))
            except OSError:
                self._damage[segment.path, -1] = "unreadable"
                return []
            marks = self._marks(segment, start, data)
            if marks or length >= segment.size:
                return marks
            length *= 8

    def _marks(self, segment: Segment, start: int, data: bytes) -> list[Mark]:
        marks = []
        for found in batches(data):
            at = start + found.start
            if isinstance(found, Batch):
                last = decode(found.lines[-1]) if found.lines else None
                if isinstance(last, Mark):
                    marks.append(last)
                    if self.first is None:
                        self.first = _first(found.lines)
                elif isinstance(last, Head):
                    self.head = self.head or last.fields
            elif found.at_end and start + found.end == segment.size:
                self._damage[segment.path, at] = "torn-tail"
            elif not found.at_end and (found.start or not start):  # else the piece begins within a batch
                self._damage[segment.path, at] = "damaged-batch"
        return marks


def _first(lines: list[bytes]) -> RawNs | None:
    """The time of the first event of these lines."""
    for line in lines:
        made = decode(line)
        if not isinstance(made, (Head, Mark, Skipped)):
            event: Event = made
            return event.at
    return None


def head_of(found: list[Segment]) -> dict[str, Any]:
    """What the files of a run say of it: each begins with the same head."""
    for segment in found:
        reading = _Reading()
        reading.piece(segment, at_end=False)
        if reading.head:
            return reading.head
    return {}


def _search(reading: _Reading, kept: list[Segment], order: range, *, at_end: bool) -> tuple[int, list[Mark]]:
    """The first file in this order that has a mark at this end of it, and the marks there."""
    for i in order:
        if found := reading.piece(kept[i], at_end=at_end):
            return i, found
    return len(kept), []


def ends_of(run: Files) -> Ends:
    """Look at the first batches of a run and at its last ones; and at the ends of files between them where the run took seconds
    back, to find some that stand."""
    reading, kept = _Reading(), run.kept
    begin, front = _search(reading, kept, range(len(kept)), at_end=False)
    end, back = _search(reading, kept, range(len(kept) - 1, begin - 1, -1), at_end=True)
    if not front:
        return Ends(run.number, reading.head, damage=reading.damage)
    last = max([*front, *back], key=lambda mark: mark.batch)
    between: list[Mark] = []
    if not any(mark.withdrawals == last.withdrawals for mark in front):
        for segment in reversed(kept[begin + 1 : end]):
            found = reading.piece(segment, at_end=True)
            between += found
            if any(mark.withdrawals != last.withdrawals for mark in found):
                break
    marks = sorted({mark.batch: mark for mark in [*front, *between, *back]}.values(), key=lambda mark: mark.batch)
    return Ends(run.number, reading.head, reading.first, marks, last.batch, _has_bytes(run, last), reading.damage)


def _has_bytes(run: Files, last: Mark) -> bool:
    if [segment.number for segment in run.raw] != list(range(1, len(run.raw) + 1)):
        return False
    chunks = (mark.chunks for segment in run.raw[-1:] for mark in _Reading().piece(segment, at_end=True))
    return last.chunks > 0 and max(chunks, default=0) >= last.chunks


@dataclass
class _Files:
    number: int
    kept: list[Segment]
    raw: list[Segment] = field(default_factory=list)


def latest(folder: str | Path) -> UtcTime | None:
    """The last second that this board's own runs in `folder` are sure of (see HELD_NS): time was not before it. None if there is
    none, or no record. An imported capture may be of any board and any time, so it says nothing."""
    for files in islice(_own(folder), LOOK_BACK):
        if (standing := anchors(ends_of(files).marks)) and _held(standing):
            return standing[-1][1]
    return None


def leap_held(folder: str | Path) -> bool:
    """Whether this board's last run in `folder` ended while the receiver's leap second count was not verified (P24)."""
    files = next(_own(folder), None)
    if files is None:
        return False
    ends = ends_of(files)
    return bool(ends.marks[-1].held if ends.marks else ends.head.get("leap_held"))


def _own(folder: str | Path) -> Iterator[_Files]:
    """The runs that are no imports, the newest first."""
    try:
        found = [segment for segment in segments(Path(folder)) if not segment.raw]
    except OSError:
        return
    by_run: dict[int, _Files] = {}
    for segment in found:
        by_run.setdefault(segment.run, _Files(segment.run, [])).kept.append(segment)
    for files in reversed(by_run.values()):
        if "imported" not in head_of(files.kept[:1]):
            yield files


def _held(standing: list[tuple[RawNs, UtcTime]]) -> bool:
    """Whether the label that gave the last of these seconds had given one HELD_NS before."""
    at, utc = standing[-1]
    before = next(((a, u) for a, u in reversed(standing) if at - a >= HELD_NS), None)
    return before is not None and abs((utc.unix - before[1].unix) - (at - before[0])) < 2 * NS  # a leap second may lie between
