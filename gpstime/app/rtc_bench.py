"""What the commands for clock chips work on: a chip, a clock for its polls, its history, and where a verified second comes from.

A live bench has a real bus; a simulated one (`app.rtc_sim`) is used only when it was named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from gpstime.app.rtc_second import TrueSecond
from gpstime.app.rtc_starts import Beside, named
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


class Bench(Protocol):
    """`about` says in a sentence that it is simulated, "" if it is not."""

    chip: RtcChip
    time: Timebase
    history: History
    about: str

    def second(self) -> TrueSecond:
        """A verified second, from pulses that have a label; NoSecond if there is none."""
        ...

    def follow(self, lasts_s: float) -> Beside:
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


def trim_of(chip: RtcChip) -> Trim:
    spec = chip.trim_spec
    return Trim(spec, None if spec is None else chip.read_trim())


def whole_minutes(spec: TrimSpec | None) -> bool:
    """Whether starts are to be looked for at one second of the minute only: where the trim acts in pulses."""
    return spec is not None and spec.acts == "pulses"


def with_starts(events: Iterator[Event], chip: RtcChip, time: Timebase, search: EdgeSearch) -> Iterator[Event]:
    """The events of a world whose time goes on when it is told, with the starts of the chip's seconds between them."""
    lost = False
    for event in events:
        while search.due < event.at and time.now() < event.at:
            if (wait := search.due - time.now()) > 0:
                time.sleep(wait / NS)
            try:
                found = _poll(chip, search)
            except DeviceError as e:
                search.forget()
                search.due = RawNs(time.now() + round(LATER_S * NS))
                found = None if lost else DeviceLost(time.now(), "rtc", " ".join(str(e).split()))
                lost = True
            else:
                if lost:
                    lost = False
                    yield DeviceFound(time.now(), "rtc", f"{chip.name} answers again")
            if found is not None:
                yield found
        yield event


def _poll(chip: RtcChip, search: EdgeSearch) -> Event | None:
    poll = chip.poll_seconds()
    edge = search.on_poll(poll.before, poll.after, poll.second)
    if edge is None:
        return None
    reading = chip.read()
    shown = named(reading, edge.at, edge.second)
    return RtcReading(edge.at, shown, NS, edge.half_ns, True, reading.trusted, reading.temperature_c, reading.aging, reading.chip)
