"""What the commands for clock chips work on: a chip, a clock for its polls, its history, and where a verified second comes from.

A live bench has a real bus; a simulated one (`app.rtc_sim`) is used only when it was named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from gpstime.app.rtc_second import TrueSecond
from gpstime.app.rtc_starts import Beside, named
from gpstime.core.engine import Engine
from gpstime.core.rtc_edge import EdgeSearch
from gpstime.core.trim import TrimSpec
from gpstime.drivers.rtc.chip import RtcChip
from gpstime.errors import DeviceError
from gpstime.model import DeviceFound, DeviceLost, Event, RtcReading
from gpstime.ports import Timebase
from gpstime.store.rtc_history import History
from gpstime.times import NS, RawNs, UnixNs, UtcTime

LATER_S = 10.0
"""After a chip did not answer."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What a stretch of time showed: the chip beside the pulses, and the engine that numbered them."""

    beside: Beside
    engine: Engine


class Bench(Protocol):
    """`about` says in a sentence that it is simulated, "" if it is not."""

    chip: RtcChip
    history: History
    about: str

    @property
    def time(self) -> Timebase:
        """For polls: the raw clock."""
        ...

    def second(self) -> TrueSecond:
        """A verified second, from pulses that have a label; NoSecond if there is none."""
        ...

    def follow(self, lasts_s: float) -> Followed:
        """Pulses and the starts of the chip's seconds for so many seconds."""
        ...

    def clock(self) -> tuple[RawNs, UnixNs, int]:
        """The system clock: (raw, shown, half-width)."""
        ...

    def set_clock(self, unix: UnixNs, at: RawNs) -> None:
        """Set the system clock such that it showed `unix` at raw instant `at`. DeviceError if it may not be."""
        ...

    def not_before(self) -> UtcTime | None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Trim:
    """A chip's trim register as it stands; `spec` None where it has none."""

    spec: TrimSpec | None
    value: int | None

    @property
    def saw_ns(self) -> int:
        """By how much the chip leaves the line of its mean rate, where the trim acts in pulses."""
        if self.spec is None or self.value is None or self.spec.acts != "pulses":
            return 0
        return round(abs(self.spec.pulse_ns(self.value)))


def lasting_s(spec: TrimSpec | None, at_least_s: float) -> float:
    """How long to follow a chip: whole cycles of its trim, and some minutes to find the first start of a second and to make pairs.

    In minutes with pulses, which look like a set, a start is found in every third only.
    """
    if spec is None or spec.acts == "continuous":
        return at_least_s + 180
    return spec.whole_cycles_s(at_least_s) + 600


def trim_of(chip: RtcChip) -> Trim:
    spec = chip.trim_spec
    return Trim(spec, None if spec is None else chip.read_trim())


def whole_minutes(spec: TrimSpec | None) -> bool:
    """Whether starts are to be looked for at one second of the minute only: where the trim acts in pulses."""
    return spec is not None and spec.acts == "pulses"


class StartsSource:
    """The starts of a chip's seconds as a `ports.Source`: polled when the search wants it; a silent chip is an event."""

    name = "rtc"

    def __init__(self, chip: RtcChip, time: Timebase) -> None:
        self._chip, self._time = chip, time
        self._search = EdgeSearch(whole_minutes=whole_minutes(chip.trim_spec))
        self._lost = False

    @property
    def due(self) -> RawNs:
        """When the next poll is wanted; in the past: at once."""
        return self._search.due

    def poll(self, timeout_s: float) -> list[Event]:
        left_s = (self._search.due - self._time.now()) / NS
        if left_s > 0:
            self._time.sleep(min(left_s, timeout_s))
            if left_s > timeout_s:
                return []
        try:
            found = self._look()
        except DeviceError as e:
            self._search.forget()
            self._search.due = RawNs(self._time.now() + round(LATER_S * NS))
            if self._lost:
                return []
            self._lost = True
            return [DeviceLost(self._time.now(), self.name, " ".join(str(e).split()))]
        if not self._lost:
            return found
        self._lost = False
        return [DeviceFound(self._time.now(), self.name, f"{self._chip.name} answers again"), *found]

    def _look(self) -> list[Event]:
        poll = self._chip.poll_seconds()
        edge = self._search.on_poll(poll.before, poll.after, poll.second)
        if edge is None:
            return []
        r = self._chip.read()
        shown = named(r, edge.at, edge.second)
        return [RtcReading(edge.at, shown, NS, edge.half_ns, True, r.trusted, r.temperature_c, r.aging, r.chip)]

    def close(self) -> None:
        """The chip belongs to the bench."""


def with_starts(events: Iterator[Event], starts: StartsSource, time: Timebase) -> Iterator[Event]:
    """The events of a world whose time goes on when it is told, with the starts of the chip's seconds between them."""
    for event in events:
        while starts.due < event.at and time.now() < event.at:
            yield from starts.poll(3600.0)
        yield event
