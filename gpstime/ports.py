"""The small Protocols that a run is made of. Real, simulated and recorded worlds all fit them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from gpstime.model import Adjustment, Applied, Event, Finding


class World(Protocol):
    """Where events come from and adjustments go."""

    def events(self) -> Iterator[Event]:
        """The events in the order in which they happened. Ends when the world does; may be called once."""
        ...

    def adjust(self, adjustment: Adjustment) -> Applied:
        """Carry an adjustment out and say what really happened."""
        ...

    def close(self) -> None:
        """Let go of everything held. Safe to call twice."""
        ...


class Thinker(Protocol):
    """The shape of the Engine: one event in; findings and adjustments out. Never reads a clock."""

    def on(self, event: Event) -> tuple[list[Finding], tuple[Adjustment, ...]]: ...


Sink = Callable[[Event | Finding], None]
"""Takes every value of a run in order (the record, the screen, a test's list)."""
