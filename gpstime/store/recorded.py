"""The recorded world: a capture read back as events, in the order in which they happened, as fast as they are wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, TypeAlias

from gpstime.errors import CaptureError, CaptureUnreadable
from gpstime.model import Adjustment, Applied, Event
from gpstime.store.capture import Head, Mark, Skipped, decode
from gpstime.store.lines import lines
from gpstime.times import RawNs, UtcTime

Source: TypeAlias = str | BinaryIO

_NO_OBJECT = frozenset(("blank", "not-utf8", "not-json"))


def lower_bound(head: Mapping[str, object]) -> UtcTime | None:
    """A day before the head's `started_utc`, which was read from a clock that nobody had checked yet; None without one."""
    started = head.get("started_utc")
    if not isinstance(started, str):
        return None
    try:
        at = UtcTime.parse(started)
    except (ValueError, OverflowError):
        return None
    return UtcTime(at.day - 1, at.ns_of_day)


class RecordedWorld:
    """A `ports.World` over a capture: a path, or a binary stream that is already open (which stays the caller's to close).

    The constructor reads up to the head or the first event and raises `CaptureUnreadable` (missing, a folder, forbidden) or
    `CaptureError` (empty, or not one JSON object in it).  After that nothing is raised for what the file holds: `skipped` counts
    by reason.

    `head` holds the keys of the first line ({} without one; then `notes` says so); `not_before` is the lower bound of time that the
    recording brings along (see `lower_bound`).
    """

    def __init__(self, source: Source, name: str | None = None) -> None:
        self.name = name or (source if isinstance(source, str) else "the capture")
        self.skipped: Counter[str] = Counter()
        self.notes: list[str] = []
        self.head: dict[str, Any] = {}
        self.last_applied: Applied | None = None
        self._headed = False
        self._own: BinaryIO | None = None
        if isinstance(source, str):
            try:
                source = self._own = open(source, "rb")  # noqa: SIM115 - held for the run, closed in close()
            except (OSError, ValueError) as e:  # ValueError: a null byte in the name
                raise CaptureUnreadable(f"can't read {self.name}: {getattr(e, 'strerror', None) or e}") from e
        self._lines = lines(source, self.skipped)
        try:
            self._first = self._until_first()
        except BaseException:
            self.close()
            raise
        if not self._headed:
            self.notes.append("the capture has no head: board and start are unknown")
        self.not_before = lower_bound(self.head)
        if self.not_before is None and self.head.get("started_utc") is not None:
            self.skipped["bad-started-utc"] += 1

    def _until_first(self) -> Event | None:
        """Read on to the head or the first event; None if there is no event yet but some JSON object."""
        objects = False
        for event in self._decoded():
            if event is not None:
                return event
            objects = True
            if self._headed:
                return None
        if objects:
            return None
        if self.skipped:
            raise CaptureError(
                f"{self.name} is no capture: no line of it is a JSON object (for raw receiver output there is `gpstime nmea`)"
            )
        raise CaptureError(f"{self.name} is empty: nothing was recorded")

    def _decoded(self) -> Iterator[Event | None]:
        """Every line that is a JSON object, as an event; None for the head and for objects that are counted and skipped."""
        skipped = self.skipped
        try:
            for line in self._lines:
                made = decode(line, skipped)
                if isinstance(made, Skipped):
                    skipped[made.reason] += 1
                    if made.reason not in _NO_OBJECT:
                        yield None
                elif isinstance(made, Head):
                    if self._headed:
                        skipped["second-head"] += 1
                    else:
                        self._headed, self.head = True, made.fields
                    yield None
                elif isinstance(made, Mark):
                    yield None
                else:
                    yield made
        except OSError as e:
            raise CaptureUnreadable(f"can't read {self.name}: {e.strerror or e}") from e

    def events(self) -> Iterator[Event]:
        """The events of the file in its order; `CaptureUnreadable` if the disk fails on the way."""
        first, self._first = self._first, None
        if first is not None:
            yield self._seen(first)
        for event in self._decoded():
            if event is not None:
                yield self._seen(event)

    def _seen(self, event: Event) -> Event:
        if isinstance(event, Applied):
            self.last_applied = event
        return event

    def adjust(self, adjustment: Adjustment) -> Applied:
        """What the record says was applied last: a recording can't be steered, whatever is asked of it."""
        return self.last_applied or Applied(RawNs(0), by="recorded")

    def close(self) -> None:
        if self._own is not None:
            self._own.close()
            self._own = None
