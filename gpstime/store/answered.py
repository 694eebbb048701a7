"""A recorded world whose clock was steered: what is asked of it is answered by what the record says was done, where it says so.

In the record the answer to an adjustment stands right behind the event that was thought about. A plain replay hears it as an event
of its own, after an answer that it makes up; an engine that steers would then hear of each step twice. Here the same engine with
the same policy hears what the run itself heard, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator

from gpstime.model import Adjustment, Applied, Event
from gpstime.ports import World
from gpstime.times import RawNs

OURS = ("", "gpstime")
"""Who answers adjustments; what others did to the clock are events of their own."""


class AnsweredWorld:
    """Fits `ports.World`. `world`: a capture or a run of the record. `unanswered`: adjustments of which the record knows nothing,
    because the run itself was steered otherwise; they are taken for done and nothing more."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.head: dict[str, object] = dict(getattr(world, "head", {}))
        self.unanswered = 0
        self._events: Iterator[Event] = iter(())
        self._ahead: Event | None = None
        self._at = RawNs(0)

    @property
    def skipped(self) -> dict[str, int]:
        return getattr(self._world, "skipped", {})

    @property
    def notes(self) -> list[str]:
        return getattr(self._world, "notes", [])

    def events(self) -> Iterator[Event]:
        self._events = self._world.events()
        while (event := self._next()) is not None:
            self._at = event.at
            yield event

    def _next(self) -> Event | None:
        ahead, self._ahead = self._ahead, None
        return next(self._events, None) if ahead is None else ahead

    def adjust(self, adjustment: Adjustment) -> Applied:
        """The record's answer, if it has one here."""
        event = self._next()
        if isinstance(event, Applied) and event.by in OURS:
            return event
        self._ahead = event
        self.unanswered += 1
        return Applied(self._at, None, 0, 0, "gpstime")

    def close(self) -> None:
        self._world.close()
