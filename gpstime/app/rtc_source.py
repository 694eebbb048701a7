"""An RTC as a source: its seconds' begins found by polling, its temperature, its losses as events. Its 1 Hz output as another.

Nothing here reaches the pulse or the receiver: the RTC has a thread of its own, and whatever its bus does is an event, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from gpstime.app.rtc_starts import named
from gpstime.app.sources import PpsSource, Reopened, Shut
from gpstime.core.rtc_chain import blends
from gpstime.core.rtc_edge import EdgeSearch
from gpstime.core.trim import TrimSpec
from gpstime.model import Event, Note, PpsEdge, RtcReading, SqwEdge, Temperature
from gpstime.ports import Timebase
from gpstime.times import NS, RawNs

TEMPERATURE_S = 60.0
"""How often the temperature is an event of its own; each reading carries it."""
FINE_S = 0.05
"""The last part of a longer wait, slept precisely."""


class Poll(Protocol):
    @property
    def before(self) -> RawNs: ...
    @property
    def after(self) -> RawNs: ...
    @property
    def second(self) -> int | None: ...


class Chip(Protocol):
    """What of a driver is needed here (`drivers.rtc`)."""

    @property
    def name(self) -> str: ...
    @property
    def trim_spec(self) -> TrimSpec | None: ...
    def poll_seconds(self) -> Poll: ...
    def read(self) -> RtcReading: ...
    def close(self) -> None: ...


class RtcSource:
    """`open_` gives the chip; the first reading of a chip just opened shows whether it is there.

    `every_s`: how often the begin of a second is wanted in the long run. `spec` is what the open chip's trim register does.
    """

    name = "rtc"

    def __init__(self, open_: Callable[[], Chip], time: Timebase, every_s: float = 60.0) -> None:
        self._open, self._time, self._every_s = open_, time, every_s
        self._chip: Reopened[Chip] = Reopened(self.name, self._opened, time)
        self._search = EdgeSearch(every_s)
        self._warm_at: RawNs | None = None
        self._said = ""
        self._first: RtcReading | None = None
        self.spec: TrimSpec | None = None

    @property
    def due(self) -> RawNs:
        """When the next poll is to begin."""
        return self._search.due

    def open(self) -> None:
        """Open it now; DeviceError if it can't be, instead of an event later."""
        self._chip.open()

    def trim_of(self, chip: str) -> TrimSpec | None:
        """For the engine."""
        return self.spec

    def _opened(self) -> Chip:
        chip = self._open()
        try:
            self._first = chip.read()
        except Shut:
            chip.close()
            raise
        self.spec = spec = chip.trim_spec
        self._search = EdgeSearch(self._every_s, whole_minutes=blends(spec))
        return chip

    def poll(self, timeout_s: float) -> list[Event]:
        chip, out = self._chip.get(timeout_s)
        if chip is None:
            return out
        if self._first is not None:
            out.append(self._first)
            self._first = None
        left_s = (self._search.due - self._time.now()) / NS
        if left_s > timeout_s:
            self._time.sleep(timeout_s)
            return out
        if left_s > 0:
            self._sleep(left_s)
        try:
            return out + self._turn(chip)
        except Shut as e:
            self._search.forget()
            return out + self._chip.lost(e)

    def _sleep(self, left_s: float) -> None:
        if left_s > 2 * FINE_S:
            self._time.sleep(left_s - FINE_S)
        left_s = (self._search.due - self._time.now()) / NS
        if left_s > 0:
            self._time.sleep(left_s)

    def _turn(self, chip: Chip) -> list[Event]:
        """One transaction, and a whole reading where it brought an edge."""
        poll = chip.poll_seconds()
        edge = self._search.on_poll(poll.before, poll.after, poll.second)
        self._chip.worked()
        if edge is None:
            return self._odd(poll)
        reading = chip.read()
        if not reading.shown.day and not reading.trusted:
            return self._say(reading.at, f"{chip.name}: its registers hold no time (set it: gpstime rtc set)")
        # the date comes from the reading, the instant from the search; a temperature from the same moment, where it has one
        shown = named(reading, edge.at, edge.second)
        out: list[Event] = [
            RtcReading(edge.at, shown, NS, edge.half_ns, True, reading.trusted, reading.temperature_c, reading.aging, reading.chip)
        ]
        self._said = ""
        celsius = reading.temperature_c
        if celsius is not None and (self._warm_at is None or reading.at - self._warm_at >= TEMPERATURE_S * NS):
            self._warm_at = reading.at
            out.append(Temperature(reading.at, reading.chip, celsius))
        return out

    def _odd(self, poll: Poll) -> list[Event]:
        """What is no clock's behaviour is said once."""
        if self._search.second_s is not None:
            return self._say(
                poll.after,
                f"its second takes {self._search.second_s:.3g} s: no clock's crystal is that far off, so its frequency is not "
                "measured (a fake or broken chip, or the wrong chip named: gpstime rtc show)",
            )
        if poll.second is None:
            return self._say(poll.after, "its seconds register holds no second (is it another chip? gpstime rtc show)")
        return []

    def _say(self, at: RawNs, text: str) -> list[Event]:
        if text.partition(" ")[0:1] == self._said.partition(" ")[0:1] and text[:20] == self._said[:20]:
            return []
        self._said = text
        return [Note(at, f"{self.name}: {text}")]

    def close(self) -> None:
        self._chip.close()


class SqwSource:
    """The RTC's 1 Hz output, timed like a second pulse. `edge`: the one that begins the second."""

    name = "rtc-sqw"

    def __init__(self, pulse: PpsSource, edge: Literal["assert", "clear"] = "clear") -> None:
        self._pulse, self._edge = pulse, edge

    def open(self) -> None:
        self._pulse.open()

    def poll(self, timeout_s: float) -> list[Event]:
        out: list[Event] = []
        for event in self._pulse.poll(timeout_s):
            if not isinstance(event, PpsEdge):
                out.append(event)
            elif event.edge == self._edge:
                out.append(SqwEdge(event.at, event.edge, event.seq, event.stamped_by))
        return out

    def close(self) -> None:
        self._pulse.close()
