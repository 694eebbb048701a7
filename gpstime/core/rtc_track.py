"""An RTC beside the pulses: its offset, its frequency error, and whoever set it, on one axis of true time.

Edges come by polling its registers (`RtcReading` with `edge`) or from its 1 Hz output (`SqwEdge`); each way has a chain of its own,
so that they can be compared. What breaks a chain is named: a set, the kernel's rewrite every eleven minutes, a temperature jump, a
trim register that changed, lost power.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from gpstime.core.rtc_axis import Axis, Seen
from gpstime.core.rtc_chain import Broken, blends
from gpstime.core.rtc_stretch import Point, Stretch
from gpstime.core.rtc_way import REPORT_EVERY, Way
from gpstime.core.rtc_words import KERNEL_S, because, on_grid
from gpstime.core.train import Pulse, Train
from gpstime.core.trim import TrimSpec
from gpstime.model import (
    ClockStep,
    Finding,
    Kind,
    PpsEdge,
    RtcBreak,
    RtcDrift,
    RtcOffset,
    RtcReading,
    SqwEdge,
    Tick,
)
from gpstime.times import NS, RawNs, UnixNs, UtcTime

JUMP_C, WITHIN_NS = 3.0, 600 * NS
"""A temperature jump: so many degrees in ten minutes, more than a room does by itself."""
SQW_FULL, SQW_EVERY, SQW_PATIENCE = 300, 10, 45
"""The output's edges count each second at first, then one in ten: they come every second and say little new. So many are waited
with until a reading has told which chip it is."""
SQW_ERR_NS = 2_000


class RtcTrack:
    """`chip` is its name as far as known. `breaks` in order; `bus` and `sqw` hold the chains.

    `trim_of`: what the trim register of the chip of this name does. `detect` False: nothing is ever named, all is averaged in
    (for tests: how wrong it would be). `axis`: what was fed with the pulses so far.
    """

    def __init__(
        self, trim_of: Callable[[str], TrimSpec | None] = lambda chip: None, detect: bool = True, axis: Axis | None = None
    ) -> None:
        self.axis = axis or Axis()
        self.bus, self.sqw = Way("bus", detect), Way("sqw", detect)
        self.chip = ""
        self.last: RtcReading | None = None
        self.last_offset: RtcOffset | None = None
        self.breaks: list[RtcBreak] = []
        self.readings = 0
        """Edges read over the bus so far."""
        self.compared = self.agreed = 0
        """How often both ways were compared, and agreed within their intervals."""
        self._trim_of, self._detect = trim_of, detect
        self._train = Train()
        self._sqw_at: RawNs | None = None
        self._sqw_count = 0
        self._minutes = False
        self._warmth: deque[tuple[RawNs, float]] = deque()
        self._system: tuple[int, int] | None = None

    # ---- what true time is ---------------------------------------------------------------------------------------------------

    def on_pulse(self, pulse: Pulse, rate: float, second: UtcTime | None) -> None:
        """A pulse that counts, with the train's rate and its second, if it has a name."""
        self.axis.on_pulse(pulse, rate, second)
        self._system = (pulse.at, pulse.edge.shown)

    def on_tick(self, tick: Tick) -> None:
        self.axis.on_tick(tick)
        self._system = (tick.at, tick.shown)

    def on_step(self, step: ClockStep) -> None:
        self.axis.on_step(step)

    def forget(self) -> None:
        """The pulses so far were no reference (no fix)."""
        self.axis.forget()

    def best(self, way: Way) -> Stretch | None:
        """The longest stretch that may be believed: once the kernel rewrites, one of more than eleven minutes hides a rewrite."""
        rewrites = [b.after for b in self.breaks if b.reason == "kernel-rewrite"]
        found = [
            s
            for s in way.chain.stretches
            if s.first is not None and not (rewrites and s.first.at >= min(rewrites) and s.span_s > KERNEL_S)
        ]
        return max(found, key=lambda s: s.span_s) if found else None

    # ---- edges ---------------------------------------------------------------------------------------------------------------

    def on_reading(self, reading: RtcReading) -> list[Finding]:
        """A reading; only one with `edge` says when its second began."""
        if not reading.edge:
            self._trimmed(reading)
            return []
        out: list[Finding] = []
        self.readings += 1
        self._conditions(reading, out)
        self.last = reading
        seen = self.axis.at(reading.at)
        if seen is None:
            return [*out, RtcOffset(reading.at, reading.shown, None, reading.err_ns, Kind.MISSING, "", reading.chip)]
        self._compare(reading)
        since = self.bus.setter.overdue(reading.at) if self._detect else None
        if since is not None:
            why = "eleven minutes after the last time the kernel has written it again, by too little to be seen"
            self._break(since, reading, "kernel-rewrite", why, out)
        self._on_row(self.bus, seen, reading.at, out)
        point = Point(seen.true_ns, reading.shown.unix - seen.true_ns, reading.err_ns, reading.at, seen.err_ns)
        kind, broken = self.bus.chain.add(point)
        if broken is not None:
            self._name(self.bus, broken, out)
        self._fold(self.bus, point, out)
        offset = None if seen.utc_ns is None else reading.shown.unix - seen.utc_ns
        self.last_offset = RtcOffset(
            reading.at, reading.shown, offset, reading.err_ns + seen.err_ns, kind, seen.against, reading.chip
        )
        out.append(self.last_offset)
        self._report(self.bus, seen, reading.at, out)
        return out

    def on_sqw(self, edge: SqwEdge) -> list[Finding]:
        """An edge of the 1 Hz output: which of the two begins the second is the source's business."""
        out: list[Finding] = []
        for found in self._train.on_edge(PpsEdge(edge.at, UnixNs(0), "assert", edge.seq, edge.stamped_by)):
            if isinstance(found, Pulse):
                self._sqw_at = found.at
                self._second(found.at, found.n, out)
        return out

    def _second(self, at: RawNs, n: int, out: list[Finding]) -> None:
        self._sqw_count = count = self._sqw_count + 1
        every = 60 if self._minutes else 1 if count <= SQW_FULL else SQW_EVERY
        seen = self.axis.at(at)
        if seen is None or n % every or (not self.chip and count < SQW_PATIENCE):
            return
        way = self.sqw
        self._on_row(way, seen, at, out)
        last = way.chain.stretch.last
        # its seconds have no names here: the number is the one that makes the phase go on, which is that of a second in 0.5 s
        near = 0 if last is None else last.x_ns + way.chain.removed_ns
        x = near + (-seen.true_ns - near + NS // 2) % NS - NS // 2
        point = Point(seen.true_ns, x, SQW_ERR_NS, at, seen.err_ns)
        _, broken = way.chain.add(point)
        if broken is not None:
            self._name(way, broken, out)
        self._fold(way, point, out)
        self._report(way, seen, at, out)

    # ---- what happened -------------------------------------------------------------------------------------------------------

    def _conditions(self, reading: RtcReading, out: list[Finding]) -> None:
        """What the chip itself says: its trim, its temperature, its power."""
        last = self.last
        self._trimmed(reading)
        if last is None or not self._detect:
            return
        if reading.aging != last.aging and None not in (reading.aging, last.aging):
            self._break(last.at, reading, "trim-changed", f"its trim register went from {last.aging} to {reading.aging}", out)
        if last.trusted and not reading.trusted:
            self._break(last.at, reading, "power-lost", "it says that its oscillator has stopped: its time means nothing", out)
        if reading.temperature_c is None:
            return
        warmth = self._warmth
        while warmth and reading.at - warmth[0][0] > WITHIN_NS:
            warmth.popleft()
        warmth.append((reading.at, reading.temperature_c))
        first, change = warmth[0], reading.temperature_c - warmth[0][1]
        if abs(change) >= JUMP_C:
            since = max((at for at, c in warmth if abs(c - first[1]) < JUMP_C / 3), default=first[0])
            why = f"its temperature went from {first[1]:.1f} to {reading.temperature_c:.1f} C within ten minutes"
            self._break(since, reading, "temperature-jump", why, out)
            warmth.clear()
            warmth.append((reading.at, reading.temperature_c))

    def _on_row(self, way: Way, seen: Seen, at: RawNs, out: list[Finding]) -> None:
        was = way.on_row(seen)
        if was is not None and was.last is not None:
            why = "true time was interrupted: the pulses began anew, or the system clock in their place was stepped"
            found = RtcBreak(was.last.at, at, "reference", why, None, way.via, self.chip)
            self.breaks.append(found)
            out.append(found)

    def _trimmed(self, reading: RtcReading) -> None:
        spec, self.chip = self._trim_of(reading.chip), reading.chip
        self.bus.chain.trim(spec, reading.aging)
        self.sqw.chain.trim(spec, reading.aging)
        self._minutes = blends(spec) and bool(reading.aging)

    def _break(self, since: RawNs, reading: RtcReading, reason: str, why: str, out: list[Finding]) -> None:
        for way in (self.bus, self.sqw):
            way.chain.end(reason, RawNs(since + 1))
        found = RtcBreak(since, reading.at, reason, why, None, "bus", reading.chip)
        last = self.breaks[-1] if self.breaks else None
        if last is not None and last.reason == reason == "temperature-jump" and since - last.at < WITHIN_NS:
            self.breaks[-1] = replace(found, after=last.after)  # it goes on
        else:
            self.breaks.append(found)
        out.append(found)

    def _name(self, way: Way, broken: Broken, out: list[Finding]) -> None:
        system = None
        if self._system is not None:
            system = -((self._system[1] + broken.at - self._system[0] + NS // 2) % NS - NS // 2)
        reason, why = because(broken, way.setter, system)
        if reason == "kernel-rewrite":  # then the sets before, at a distance of elevens of minutes, were the kernel's too
            for i, b in enumerate(self.breaks):
                if b.reason == "set" and b.via == way.via and on_grid(broken, b.after, b.at):
                    self.breaks[i] = replace(b, reason=reason)
        found = RtcBreak(broken.after, broken.at, reason, why, broken.jump_ns, way.via, self.chip)
        self.breaks.append(found)
        out.append(found)

    def _fold(self, way: Way, point: Point, out: list[Finding]) -> None:
        """Rewrites too small to be seen one by one. A trim in pulses has rhythms of its own."""
        spec = self._trim_of(self.chip)
        if not self._detect or (spec is not None and spec.acts == "pulses" and self.last is not None and self.last.aging):
            return
        if (found := way.folded(point, self.chip)) is not None:
            self.breaks.append(found)
            out.append(found)

    def _compare(self, reading: RtcReading) -> None:
        """The second's begin as polled against the edge of the output nearest to it."""
        if self._sqw_at is None or abs(reading.at - self._sqw_at) > 30 * NS:
            return
        apart = (reading.at - self._sqw_at + NS // 2) % NS - NS // 2
        self.compared += 1
        self.agreed += abs(apart) <= reading.err_ns + SQW_ERR_NS + abs(reading.at - self._sqw_at) * 1e-3

    def _report(self, way: Way, seen: Seen, at: RawNs, out: list[Finding]) -> None:
        if way.chain.stretch.n % REPORT_EVERY == 0:
            drift = way.chain.stretch.drift()
            if drift is not None:
                out.append(RtcDrift(at, drift, seen.against, way.via, self.chip))
