"""A record read back: its runs, and each of them as a world.

Two ways to read a run. From what was made of the bytes (`epochs`): kept for good, and exactly what the run itself had. From the
bytes (`bytes`): exercises the parser too, and works where the ring still holds all of them. They are never mixed: a parser that
starts in the middle of a sentence would find something else than the run did.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from gpstime.errors import CaptureError, CaptureUnreadable, UsageError
from gpstime.model import Adjustment, Applied, Event, Heard
from gpstime.store.batches import Batch, Damage, batches
from gpstime.store.capture import Head, Mark, Skipped, decode
from gpstime.store.ends import head_of
from gpstime.store.recorded import lower_bound
from gpstime.store.shelf import Segment, segments
from gpstime.times import RawNs, UtcTime

_CHUNK = re.compile(rb'\{"k":"serial",.*,"i":(\d{1,18})\}')
READS = ("auto", "epochs", "bytes")


@dataclass(frozen=True, slots=True)
class _Marked:
    lines: list[bytes]
    mark: Mark


@dataclass
class Run:
    """One run of a record. `damage` counts what of it could not be read: torn-tail (the last write was cut), damaged-batch,
    batch-twice (used once), batch-lost (no disk took it), unreadable (a segment)."""

    number: int
    kept: list[Segment]
    raw: list[Segment]
    damage: Counter[str] = field(default_factory=Counter)

    def _read(self, found: list[Segment], damage: Counter[str]) -> Iterator[Batch]:
        for segment in found:
            try:
                data = segment.path.read_bytes()
            except OSError:  # the ring forgot it meanwhile, or the disk fails
                damage["unreadable"] += 1
                continue
            for piece in batches(data):
                if isinstance(piece, Damage):
                    damage["torn-tail" if piece.at_end else "damaged-batch"] += 1
                else:
                    yield piece

    def _marked(self, found: list[Segment], damage: Counter[str]) -> Iterator[_Marked]:
        last = 0
        for batch in self._read(found, damage):
            mark = decode(batch.lines[-1]) if batch.lines else None
            if not isinstance(mark, Mark):
                continue  # the head
            if mark.batch <= last:
                damage["batch-twice"] += 1
                continue
            last = mark.batch
            yield _Marked(batch.lines[:-1], mark)

    def batches(self) -> Iterator[_Marked]:
        """The kept batches in order, none twice; `damage` is counted anew."""
        self.damage.clear()
        last = 0
        for marked in self._marked(self.kept, self.damage):
            if marked.mark.batch > last + 1:
                self.damage["batch-lost"] += marked.mark.batch - last - 1
            last = marked.mark.batch
            yield marked

    def raw_batches(self) -> Iterator[_Marked]:
        """The batches of the ring that are still there."""
        return self._marked(self.raw, Counter())

    @cached_property
    def head(self) -> dict[str, Any]:
        return head_of(self.kept)

    @cached_property
    def marks(self) -> list[Mark]:
        """The marks of all kept batches."""
        return [marked.mark for marked in self.batches()]

    @cached_property
    def _in_the_ring(self) -> dict[int, int]:
        """The batches of the ring, and how many chunks are in each."""
        return {marked.mark.batch: len(_placed(marked.lines)) for marked in self.raw_batches()}

    def has_bytes(self, since: RawNs | None = None, until: RawNs | None = None) -> bool:
        """Whether the ring still holds every byte of this run, or of this part of it."""
        there = self._in_the_ring
        last: Mark | None = None
        for mark in self.marks:
            wanted = (since is None or mark.at >= since) and (until is None or last is None or last.at < until)
            batch, chunks = (last.batch, last.chunks) if last else (0, 0)
            if wanted and (mark.batch != batch + 1 or there.get(mark.batch, 0) != mark.chunks - chunks):
                return False
            last = mark
        return bool(there)


def runs(folder: str | Path) -> list[Run]:
    """The runs of the record in `folder`, oldest first. CaptureUnreadable if it is not there or forbidden."""
    try:
        found = segments(Path(folder))
    except PermissionError:
        raise CaptureUnreadable(
            f"can't read the record in {folder}: only its user and its group may: ask with sudo, or join the group (the service's "
            "own is gpstime: sudo usermod -aG gpstime $USER, then log in again)"
        ) from None
    except OSError as e:
        raise CaptureUnreadable(f"can't read the record in {folder}: {e.strerror or e}") from e
    by_run: dict[int, Run] = {}
    for segment in found:
        run = by_run.setdefault(segment.run, Run(segment.run, [], []))
        (run.raw if segment.raw else run.kept).append(segment)
    return [run for run in by_run.values() if run.kept]


def pick(found: list[Run], number: int | None, folder: object) -> Run:
    """Run `number`, or the last one that holds anything."""
    if not found:
        raise CaptureError(f"there is no run in the record in {folder}")
    if number is None:
        return next((run for run in reversed(found) if next(run.batches(), None)), found[-1])
    for run in found:
        if run.number == number:
            return run
    raise UsageError(f"there is no run {number} in the record in {folder}: it holds {found[0].number} to {found[-1].number}")


class RunWorld:
    """A run as a `ports.World`. `since` and `until` cut it by its raw clock. `on_mark` hears each mark, after the events before it
    have been thought about. `from_bytes` says which way is read."""

    def __init__(self, run: Run, read: str = "auto", since: RawNs | None = None, until: RawNs | None = None) -> None:
        assert read in READS, read
        self.run, self._since, self._until = run, since, until
        self.from_bytes = read == "bytes" or (read == "auto" and run.has_bytes(since, until))
        if read == "bytes" and not run.has_bytes(since, until):
            raise UsageError(
                f"run {run.number} can't be read from its bytes: the ring has forgotten some of them, or never had them; "
                "read it from its epochs, which are kept for good"
            )
        self.head = run.head
        self.skipped: Counter[str] = Counter()
        self.notes: list[str] = []
        self.on_mark: Callable[[Mark], None] = lambda mark: None
        self.last_applied: Applied | None = None

    @property
    def not_before(self) -> UtcTime | None:
        """The lower bound of time that the run had."""
        bound = self.head.get("not_before")
        try:
            return UtcTime.parse(bound) if isinstance(bound, str) else lower_bound(self.head)
        except ValueError:
            return None

    @property
    def leap_held(self) -> bool:
        """Whether the run began with the receiver's leap second count unverified."""
        return self.head.get("leap_held") is True

    def events(self) -> Iterator[Event]:
        """The events in the order in which the run had them; what could not be read is counted in `skipped`."""
        raw = self.run.raw_batches() if self.from_bytes else iter(())
        bytes_of = next(raw, None)
        for kept in self.run.batches():
            while bytes_of is not None and bytes_of.mark.batch < kept.mark.batch:
                bytes_of = next(raw, None)
            chunks = bytes_of.lines if bytes_of is not None and bytes_of.mark.batch == kept.mark.batch else []
            for line in _merged(kept, chunks):
                event = decode(line, self.skipped)
                if isinstance(event, Skipped):
                    self.skipped[event.reason] += 1
                elif not isinstance(event, (Head, Mark)) and self._wanted(event):
                    if isinstance(event, Applied):
                        self.last_applied = event
                    yield event
            self.on_mark(kept.mark)
        self.skipped += self.run.damage

    def _wanted(self, event: Event) -> bool:
        if self.from_bytes and isinstance(event, Heard):
            return False
        return (self._since is None or event.at >= self._since) and (self._until is None or event.at < self._until)

    def adjust(self, adjustment: Adjustment) -> Applied:
        """What the run says was applied last."""
        return self.last_applied or Applied(RawNs(0), by="recorded")

    def close(self) -> None:
        """Nothing is held."""


def _placed(lines: list[bytes]) -> list[tuple[int, bytes]]:
    """The serial chunks among the lines of a batch of the ring, each with its `i`: the number of kept lines before it."""
    return [(int(match[1]), line) for line in lines if (match := _CHUNK.fullmatch(line))]


def _merged(kept: _Marked, chunks: list[bytes]) -> Iterator[bytes]:
    """Kept lines with the serial chunks at their places."""
    place = kept.mark.lines - len(kept.lines)
    rest = _placed(chunks)
    rest.reverse()
    for line in kept.lines:
        while rest and rest[-1][0] <= place:
            yield rest.pop()[1]
        yield line
        place += 1
    while rest:
        yield rest.pop()[1]
