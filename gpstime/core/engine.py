"""The Engine: one event in, findings and adjustments out. It never reads a clock; the event says what time it is.

PpsEdge -> train (which pulse) -> pairing (which second) -> Offset -> drift (the crystal)
       with a discipline: -> modes, policy and servo, which ask for slews and steps
SerialBytes -> nmea -> Epoch -> pairing (Heard: the epoch from a record that no longer has the bytes)
Tick, Applied, PpsEdge -> steps (did somebody step the system clock?)
RtcReading, SqwEdge -> rtc (the other crystal, on the pulses' axis of true time)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from gpstime.core.drift import FEWEST, DriftEstimator, Noise
from gpstime.core.gpsd import Gpsd
from gpstime.core.nmea import Nmea
from gpstime.core.pairing import Pairing
from gpstime.core.rtc_beside import RtcBeside
from gpstime.core.steps import StepWatch
from gpstime.core.train import Pulse, Train
from gpstime.core.trim import TrimSpec
from gpstime.errors import UsageError
from gpstime.model import (
    Adjustment,
    Applied,
    ClockStep,
    DeviceLost,
    Epoch,
    Event,
    Finding,
    Heard,
    Kind,
    Label,
    Offset,
    PpsEdge,
    Rejected,
    RtcReading,
    SerialBytes,
    SqwEdge,
    Temperature,
    Tick,
)
from gpstime.times import NS, LeapTable, UtcTime

if TYPE_CHECKING:
    from gpstime.core.discipline import Discipline
    from gpstime.core.policy import Policy

NOTHING: tuple[Adjustment, ...] = ()
REPORT_EVERY = 64
"""Pulses between two Drift findings: an estimate costs as much as a few dozen pulses."""


class Engine:
    """`on(event)` for every event of a run, in order. What it knows is in its parts; `rejected` counts all that was not used.

    `not_before`: the world's lower bound of time (None: it brings none along). `noise`: "auto" finds the noise levels, "white" is
    the user's word that the frequency does not move. `trim_of`: what the trim register of an RTC of this name does.
    `discipline`: steer the system clock by this policy (None: never). `leap_held`: the run before this one ended while the
    receiver's leap second count was unverified, so this one begins with it unverified.
    """

    def __init__(
        self,
        leap: LeapTable,
        not_before: UtcTime | None = None,
        noise: str = "auto",
        trim_of: Callable[[str], TrimSpec | None] = lambda chip: None,
        discipline: Policy | None = None,
        leap_held: bool = False,
    ) -> None:
        if noise not in ("auto", "white"):
            raise UsageError(f"unknown noise model {noise!r}: use 'auto' or 'white'")
        self.nmea = Nmea()
        self.gpsd = Gpsd()
        self.train = Train()
        self.pairing = Pairing(leap, not_before, leap_held)
        self.steps = StepWatch()
        self.rtc = RtcBeside(trim_of)
        self.rejected: Counter[str] = Counter()
        self.discipline: Discipline | None = None
        if discipline is not None:
            from gpstime.core.discipline import Discipline  # late: a service that only watches has no need of it

            self.discipline = Discipline(discipline)
        self._asked: tuple[Adjustment, ...] = NOTHING
        self._noise = cast(Noise, noise)
        self._drift = DriftEstimator(self._noise)
        self._before: DriftEstimator | None = None
        self._first: Pulse | None = None
        self.vouched: bool | None = None
        """Whether the receiver vouches for the pulses in use: it said that it has a fix, that it has none, or (None) nothing."""
        self._on: dict[type, Callable[[Any], list[Finding]]] = {
            PpsEdge: self._edge,
            SerialBytes: self._bytes,
            Heard: self._heard,
            Tick: self._tick,
            Applied: self._applied,
            RtcReading: self._rtc,
            SqwEdge: self.rtc.on_sqw,
            DeviceLost: self._lost,
            Temperature: self._temperature,
        }

    @property
    def drift(self) -> DriftEstimator:
        """The crystal as the present run of the train shows it; while that is too short, as the run before did."""
        if self._before is not None and self._drift.n < FEWEST:
            return self._before
        return self._drift

    def on(self, event: Event) -> tuple[list[Finding], tuple[Adjustment, ...]]:
        """What this event lets us believe, and what we ask of the clock (nothing without a discipline)."""
        on = self._on.get(type(event))
        found = on(event) if on else []
        asked, self._asked = self._asked, NOTHING
        return found, asked

    # ---- one event each ------------------------------------------------------------------------------------------------------

    def _bytes(self, event: SerialBytes) -> list[Finding]:
        out: list[Finding] = []
        reader = self.gpsd if event.port.startswith("gpsd") else self.nmea
        for found in reader.feed(event.data, event.at):
            self._found(found, out)
        return out

    def _heard(self, event: Heard) -> list[Finding]:
        out: list[Finding] = []
        self._found(event.found, out)
        return out

    def _found(self, found: Epoch | Rejected, out: list[Finding]) -> None:
        out.append(found)
        if isinstance(found, Rejected):
            self.rejected[found.reason] += 1
            self.pairing.on_rejected(found)
        else:
            self._epoch(found, out)

    def _epoch(self, epoch: Epoch, out: list[Finding]) -> None:
        if epoch.valid:
            rate = self.train.rate_hz
            if rate is not None and rate > 1:
                self.train.on_second(epoch.second.unix // NS)
        self._take(self.pairing.on_epoch(epoch), out)
        if self.discipline is not None:
            self.discipline.disproved |= self.pairing.disproved

    def _edge(self, edge: PpsEdge) -> list[Finding]:
        out: list[Finding] = []
        self._stepped(self.steps.on_pulse(edge), out)
        for found in self.train.on_edge(edge):
            if isinstance(found, Rejected):
                self.rejected[found.reason] += 1
                out.append(found)
            else:
                self._pulse(found, out)
        if self.discipline is not None:
            self._asked = self.discipline.decide(out)
        return out

    def _pulse(self, pulse: Pulse, out: list[Finding]) -> None:
        fix, first = self.pairing.fix, self._first
        if fix and self.vouched is False:
            # Before the first fix a pulse wanders by parts per million (F-P13): forgotten now that there are better ones.
            self.rejected["pulse-before-fix"] += self._drift.n + (self._before.n if self._before else 0)
            first = self._before = None
            if self.discipline is not None:
                self.discipline.forget()
            self.rtc.forget()
        used = fix is not False or not self.vouched
        if used:
            self.vouched = fix
        if first is None or pulse.run != first.run:
            if first is not None and self._drift.n > (self._before.n if self._before else 0):
                self._before = self._drift
            self._drift = DriftEstimator(self._noise)
            self._first = first = pulse
        if used:
            n = pulse.n - first.n
            self._drift.add(n, pulse.at - first.at - n * NS, pulse.edge.err_ns, pulse.at)
        else:
            self.rejected["pulse-without-fix"] += 1
            out.append(Rejected(pulse.at, "pps", "pulse-without-fix"))
        self._take(self.pairing.on_pulse(pulse), out)
        labelled = self.pairing.label is Label.OK
        second = self.pairing.second_of(pulse.n) if labelled else None
        if used:
            self.rtc.on_pulse(pulse, self.train.rate, second)
        offset_ns = None if second is None else pulse.edge.shown - second.unix
        tai = self.pairing.tai_of(pulse.n) if labelled else None
        if self.discipline is not None and used:
            self.discipline.disproved = self.pairing.disproved
            doubt = self.pairing.doubt_of(offset_ns, self.discipline.clock_right)
            self.discipline.hear(pulse, offset_ns, doubt, second, tai)
        out.append(
            Offset(
                pulse.at,
                pulse.n,
                second,
                tai,
                offset_ns,
                self._drift.sigma_ns,
                Kind.OUTLIER if self._drift.far or not used else Kind.OK,
                "pps",
                pulse.edge.era,
            )
        )
        if used and self._drift.n % REPORT_EVERY == 0:
            drift = self._drift.estimate(pulse.at)
            if drift is not None:
                out.append(drift)

    def _tick(self, tick: Tick) -> list[Finding]:
        self.rtc.on_tick(tick)
        out = self._stepped(self.steps.on_tick(tick), [])
        if self.discipline is not None:
            self._asked = self.discipline.on_tick(tick.at, out, self.pairing.second_at(tick.at))
        return out

    def _applied(self, applied: Applied) -> list[Finding]:
        if self.discipline is not None:
            self.discipline.on_applied(applied)
        return self._stepped(self.steps.on_applied(applied), [])

    def _temperature(self, reading: Temperature) -> list[Finding]:
        if self.discipline is not None:
            self.discipline.servo.warmth.on_temperature(reading.at, reading.sensor, reading.celsius)
        return []

    def _rtc(self, reading: RtcReading) -> list[Finding]:
        return self._take(self.pairing.on_rtc(reading), self.rtc.on_reading(reading))

    def _lost(self, lost: DeviceLost) -> list[Finding]:
        return self._take(self.pairing.on_device_lost(lost), [])

    # ---- what the parts found ------------------------------------------------------------------------------------------------

    def _stepped(self, steps: list[ClockStep], out: list[Finding]) -> list[Finding]:
        for step in steps:
            out.append(step)
            self.rtc.on_step(step)
            if self.discipline is not None:
                self.discipline.on_step(step)
            self._take(self.pairing.on_step(step), out)
        return out

    def _take(self, found: list[Any] | None, out: list[Finding]) -> list[Finding]:
        for finding in found or ():
            if isinstance(finding, Rejected):
                self.rejected[finding.reason] += 1
            out.append(finding)
        return out
