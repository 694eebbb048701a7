"""Drivers as sources of a live world: opened when the device is there, opened again when it comes back, never raising for its loss.

Each source polls for at most the time it is given and answers with events. What goes wrong with a device is an event, once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from gpstime.errors import DeviceError
from gpstime.model import DeviceFound, DeviceLost, Event, Note, PpsEdge, Tick
from gpstime.ports import ByteInput, Clocks, EdgeStamp, PpsInput, Source, Timebase, Together
from gpstime.times import NS, RawNs

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""Between two attempts to open a device: doubled from the first to the longest."""
ONE_IN = 60
"""Of edges that gave no event for the same reason, one in this many is told."""

Shut = (DeviceError, OSError)
"""What an input raises when its device is missing, busy, forbidden or gone."""


class Closeable(Protocol):
    @property
    def name(self) -> str: ...

    def close(self) -> None: ...


C = TypeVar("C", bound=Closeable)


class Reopened(Generic[C]):
    """An input that may not be there yet, may go, and may come back; `source` is its name in events."""

    def __init__(self, source: str, open_: Callable[[], C], timebase: Timebase) -> None:
        self._source, self._open, self._timebase = source, open_, timebase
        self._input: C | None = None
        self._told: str | None = None
        self._pause_s = FIRST_PAUSE_S
        self._retry_at = timebase.now()
        self._unsaid: list[Event] = []

    def get(self, timeout_s: float) -> tuple[C | None, list[Event]]:
        """The open input; None after at most `timeout_s` in which it could not be opened."""
        if self._input is not None:
            unsaid, self._unsaid = self._unsaid, []
            return self._input, unsaid
        left_s = (self._retry_at - self._timebase.now()) / NS
        if left_s > 0:
            self._timebase.sleep(min(left_s, timeout_s))
            if left_s > timeout_s:
                return None, []
        try:
            self._input = opened = self._open()
        except Shut as e:
            return None, self.lost(e)
        return opened, self._found(opened)

    def _found(self, opened: C) -> list[Event]:
        came_back, self._told = self._told is not None, None
        return [DeviceFound(self._timebase.now(), self._source, f"{opened.name} is {'back' if came_back else 'open'}")]

    def open(self) -> None:
        """Open it now, and let what the driver says against it come through; that it is open is said by the next `get`."""
        if self._input is None:
            self._input = opened = self._open()
            self._unsaid = self._found(opened)

    def lost(self, error: Exception) -> list[Event]:
        """The device refused or went away: let go of it and try later. An event the first time, none for the same again."""
        if self._input is not None:
            self._pause_s = FIRST_PAUSE_S
        self.close()
        now = self._timebase.now()
        self._retry_at = RawNs(now + round(self._pause_s * NS))
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        reason = " ".join(str(error).split()) or type(error).__name__
        if reason == self._told:
            return []
        self._told = reason
        return [DeviceLost(now, self._source, reason)]

    def worked(self) -> None:
        """The device gave something: the next loss is retried at once again."""
        self._pause_s = FIRST_PAUSE_S

    def close(self) -> None:
        gone, self._input = self._input, None
        if gone is not None:
            with contextlib.suppress(OSError):  # a device that went away can't even be closed in peace
                gone.close()


class Convert(Protocol):
    """From a stamp and the clocks read before and after it to an edge; or why there is none, in a sentence."""

    def __call__(self, stamp: EdgeStamp, before: Together, after: Together) -> PpsEdge | str: ...


class PpsSource:
    """A pulse, each edge brought to the raw clock by the clocks read before and after it."""

    def __init__(
        self, open_: Callable[[], PpsInput], clocks: Clocks, convert: Convert, timebase: Timebase, name: str = "pps"
    ) -> None:
        self.name = name
        self._pps = Reopened(name, open_, timebase)
        self._clocks, self._convert = clocks, convert
        self._latest: Together | None = None
        self._dropped: dict[str, int] = {}
        self._notes: Callable[[], list[str]] = list
        self._noted: PpsInput | None = None

    def open(self) -> None:
        """Open the input now; DeviceError if it can't be, instead of an event later."""
        self._pps.open()

    def poll(self, timeout_s: float) -> list[Event]:
        pps, out = self._pps.get(timeout_s)
        if pps is None:
            return out
        if pps is not self._noted:
            self._noted = pps
            self._notes = getattr(pps, "notes", list)
        before = self._latest or self._clocks.read()
        try:
            stamp = pps.wait(timeout_s)
        except Shut as e:
            self._latest = None
            return out + self._pps.lost(e)
        after = self._latest = self._clocks.read()
        out += [Note(after.raw, text) for text in self._notes()]
        if stamp is None:
            return out
        self._pps.worked()
        edge = self._convert(stamp, before, after)
        if isinstance(edge, PpsEdge):
            out.append(edge)
        else:
            self._dropped[edge] = seen = self._dropped.get(edge, 0) + 1
            if seen % ONE_IN == 1:
                out.append(Note(after.raw, f"{self.name}: an edge is not used: {edge}" + (f" ({seen} so far)" if seen > 1 else "")))
        return out

    def close(self) -> None:
        self._pps.close()


class SerialSource:
    """A receiver's bytes, as they come. The port opens itself in `read`, and again after a loss: that it raises no more says so."""

    def __init__(self, port: ByteInput, timebase: Timebase, name: str = "serial") -> None:
        self.name = name
        self._port, self._timebase = port, timebase
        self._notes: Callable[[], list[str]] = getattr(port, "notes", list)
        self._open = False
        self._told: str | None = None

    def poll(self, timeout_s: float) -> list[Event]:
        try:
            chunk = self._port.read(timeout_s)
        except Shut as e:
            self._open = False
            reason = " ".join(str(e).split()) or type(e).__name__
            first, self._told = reason != self._told, reason
            lost: list[Event] = [DeviceLost(self._timebase.now(), self.name, reason)] if first else []
            return lost + self._said()
        out: list[Event] = []
        if not self._open:
            self._open = True
            how = f"{self._port.name} is {'open' if self._told is None else 'back'}"
            self._told = None
            out.append(DeviceFound(self._timebase.now() if chunk is None else chunk.at, self.name, how))
        out += self._said()
        if chunk is not None:
            out.append(chunk)
        return out

    def _said(self) -> list[Event]:
        return [Note(self._timebase.now(), f"{self.name}: {text}") for text in self._notes()]

    def close(self) -> None:
        self._port.close()


class Regular:
    """Something that is due every `every_s` and takes no time: the first at once."""

    def __init__(self, name: str, every_s: float, ask: Callable[[], list[Event]], timebase: Timebase) -> None:
        self.name, self._ask, self._timebase = name, ask, timebase
        self._every_ns = round(every_s * NS)
        self.due = timebase.now()

    def poll(self, timeout_s: float) -> list[Event]:
        left_s = (self.due - self._timebase.now()) / NS
        if left_s > 0:
            self._timebase.sleep(min(left_s, timeout_s))
            if left_s > timeout_s:
                return []
        now = self._timebase.now()
        # on the grid of its own start; what a sleeping machine missed is not made up for
        self.due = RawNs(now + self._every_ns - (now - self.due) % self._every_ns)
        return self._ask()

    def close(self) -> None:
        """Nothing is held."""


def tick_source(clocks: Clocks, every_s: float, timebase: Timebase) -> Regular:
    """The clocks read together: betrays who steps or slews the system clock."""

    def tick() -> list[Event]:
        t = clocks.read()
        return [Tick(t.raw, t.real, t.mono_ns, t.err_ns)]

    return Regular("tick", every_s, tick, timebase)


class Joined:
    """Several regular sources in one thread: a thread costs memory, and a wake-up costs more than what is done in it."""

    only_sleeps = True

    def __init__(self, parts: Sequence[Regular], timebase: Timebase) -> None:
        assert parts, "nothing to join"
        self.name = "+".join(part.name for part in parts)
        self._parts, self._timebase = parts, timebase

    def poll(self, timeout_s: float) -> list[Event]:
        left_s = (min(part.due for part in self._parts) - self._timebase.now()) / NS
        if left_s > 0:
            self._timebase.sleep(min(left_s, timeout_s))
        return [event for part in self._parts if part.due <= self._timebase.now() for event in part.poll(0.0)]

    def close(self) -> None:
        for part in self._parts:
            part.close()


def _fits(source: PpsSource | SerialSource | Regular | Joined) -> Source:
    """For mypy: all of them fit `ports.Source`."""
    return source
