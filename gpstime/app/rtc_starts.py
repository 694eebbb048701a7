"""Starts of a clock chip's seconds: found once by polling, or gathered over hours beside the pulses of a run."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from gpstime.core.rtc_edge import EdgeSearch
from gpstime.core.whole_cycles import Ahead
from gpstime.drivers.rtc.chip import RtcChip
from gpstime.errors import DeviceError
from gpstime.model import DeviceLost, Event, Finding, Kind, Note, Offset, RtcReading
from gpstime.ports import Timebase
from gpstime.times import NS, RawNs, UtcTime

PATIENCE_S, STANDS_S = 60.0, 5


@dataclass(frozen=True, slots=True)
class Start:
    """The chip's second `shown` began at raw instant `at`, surely to +-`half_ns`; `reading` is what it showed right after."""

    at: RawNs
    half_ns: int
    shown: UtcTime
    reading: RtcReading
    polls: int


def find_start(chip: RtcChip, time: Timebase, edges: int = 3) -> Start:
    """The best known start of a second among the first `edges` ones: the first costs two seconds, each other one four.

    RtcUnavailable as the driver raises it; DeviceError for a chip whose seconds make no sense.
    """
    search, began, best, seen = EdgeSearch(), time.now(), None, 0
    shown: set[int | None] = set()
    while time.now() - began < PATIENCE_S * NS:
        if (wait := search.due - time.now()) > 0:
            time.sleep(wait / NS)
        poll = chip.poll_seconds()
        edge = search.on_poll(poll.before, poll.after, poll.second)
        shown.add(poll.second)
        if len(shown) == 1 and poll.after - began > STANDS_S * NS:
            raise DeviceError(f"{chip.name} stands still: its seconds did not change for {STANDS_S} s. See gpstime rtc show")
        if edge is None:
            continue
        reading = chip.read()
        start = Start(edge.at, edge.half_ns, named(reading, edge.at, edge.second), reading, edge.polls)
        best = start if best is None or start.half_ns < best.half_ns else best
        seen += 1
        if seen == edges:
            return best
    if best is not None:
        return best
    slow = "" if search.second_s is None else f" (one of its seconds takes {search.second_s:.3g} s)"
    raise DeviceError(
        f"{chip.name}: no start of a second was found in {PATIENCE_S:.0f} s of polling: its seconds stand still or jump{slow}. "
        "See gpstime rtc show"
    )


def named(reading: RtcReading, at: RawNs, digits: int) -> UtcTime:
    """The whole name of the second that began at `at` and shows as `digits`, from a reading made soon after."""
    second = (reading.shown.unix - (reading.at - at)) // NS
    second += (digits - second + 30) % 60 - 30  # the reading may have come a hair beside a turn: the edge's own digits decide
    return UtcTime.from_unix(second * NS)


class Beside:
    """A `ports.Sink`: each start of a chip's second (`RtcReading` with `edge`) put beside the pulses before and after it.

    `points` are in the order of the chip's seconds. Without a label the whole seconds of the offset mean nothing, its changes do.
    """

    def __init__(self) -> None:
        self._before: Offset | None = None
        self._waiting: list[RtcReading] = []
        self._found: list[tuple[int, int, int]] = []
        self._bases: list[int] = []
        self.temperatures: list[float] = []
        self.untrusted = 0
        self.said: list[str] = []
        """What the chip's source said: that it is no clock, that it did not answer."""

    def __call__(self, value: Event | Finding) -> None:
        if isinstance(value, RtcReading) and value.edge:
            self.untrusted += not value.trusted
            if value.temperature_c is not None:
                self.temperatures.append(value.temperature_c)
            self._waiting.append(value)
        elif isinstance(value, Note) and value.text.startswith("rtc: "):
            self.said.append(value.text.removeprefix("rtc: "))
        elif isinstance(value, DeviceLost) and value.source == "rtc":
            self.said.append(value.reason)
        elif isinstance(value, Offset) and value.kind is Kind.OK and value.source == "pps":
            self._pulse(value)

    def _pulse(self, pulse: Offset) -> None:
        before = self._before
        if before is not None and 0 < pulse.n - before.n <= 10:
            for reading in self._waiting:
                into = (reading.at - before.at) / (pulse.at - before.at)
                true = before.n * NS + round(into * (pulse.n - before.n) * NS)
                self._found.append((reading.shown.unix // NS, true, reading.err_ns + round(4 * pulse.sigma_ns)))
        if self._waiting and before is not None:
            self._waiting.clear()
        if pulse.second is not None:
            self._bases.append(pulse.second.unix - pulse.n * NS)
        self._before = pulse

    @property
    def labelled(self) -> bool:
        return bool(self._bases)

    @property
    def points(self) -> list[Ahead]:
        if not self._found:
            return []
        first_shown, first_true, _ = self._found[0]
        base = statistics.mode(self._bases) if self._bases else round((first_shown * NS - first_true) / NS) * NS
        return [Ahead(shown, shown * NS - (true + base), err) for shown, true, err in self._found]
