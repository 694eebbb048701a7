"""What happens beside pulse and sentences: clock readings, the RTC, steps and slews by others, timer faults, sleep, lost ports."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from gpstime.model import Applied, DeviceFound, DeviceLost, Event, Temperature, Tick
from gpstime.sim.calendar import Calendar
from gpstime.sim.clock import SimClock
from gpstime.sim.faults import Fault
from gpstime.sim.oscillator import STOPPED_PPB, Crystal
from gpstime.sim.scenario import Scenario
from gpstime.sim.streams import stream
from gpstime.times import NS, RawNs

Action = Callable[[RawNs, int], Event | None]
"""Something done at a moment given as the raw clock and true ns; the event that shows it, if any does."""

_KERNEL_TICK_NS = 4_000_000
"""The kernel steps for a leap second in its next timer interrupt (HZ = 250)."""
_CHRONY_NOISE_NS = 500.0


def _whole(span_s: float) -> float:
    return float(math.ceil(span_s)) if math.isfinite(span_s) else span_s


class Disturbances:
    """Asked by the world once a second; `busy` is False when nothing can interfere with pulses, bytes or the crystal."""

    def __init__(
        self, scenario: Scenario, calendar: Calendar, clock: SimClock, crystal: Crystal, by_name: dict[str, Fault]
    ) -> None:
        self._scenario, self._calendar, self._clock, self._crystal = scenario, calendar, clock, crystal
        self._sleep = by_name.get("suspend")
        if self._sleep is not None:  # by whole seconds, as all that happens to the crystal
            self._sleep = replace(self._sleep, at_s=float(math.floor(self._sleep.at_s)), for_s=_whole(self._sleep.for_s))
        self._timer = [by_name[n] for n in ("timer-slow", "gross-frequency") if n in by_name]
        self._timer += [self._sleep] if self._sleep is not None else []
        self._drop = by_name.get("drop-second")
        self._unplug = by_name.get("unplug")
        self._chrony = by_name.get("chrony-slews")
        self._chrony_draw = stream(scenario.seed, "fault/chrony-slews").gauss
        self.busy = bool(self._timer or self._drop)
        self._once: dict[int, list[tuple[int, Action]]] = {}
        for step in scenario.faults:
            if isinstance(step, Fault) and step.name == "system-step":
                self._at(step.at_s, self._stepper(round(step.number("step") * 1e9)))
        if (leap := by_name.get("leap-second")) is not None and leap.number("kernel"):
            for k in calendar.leap_seconds_until(scenario.duration_s):
                self._at(k + _KERNEL_TICK_NS / NS, self._stepper(-NS))
        if (f := self._unplug) is not None:
            self._at(f.at_s, lambda at, t: DeviceLost(at, "ttyACM0", "hung up: Input/output error"))
            self._at(f.at_s + f.for_s, lambda at, t: DeviceFound(at, "ttyACM1", "came back under another name"))
        if (f := self._sleep) is not None and math.isfinite(f.for_s):
            self._at(f.at_s + f.for_s, self._stepper(round(f.for_s * 1e9)))
        self._quiet = not (self._once or scenario.tick_s or scenario.temperature_s or scenario.rtc or self._chrony)

    def _at(self, true_s: float, action: Action) -> None:
        if true_s < self._scenario.duration_s:
            self._once.setdefault(int(true_s), []).append((round(true_s * 1e9), action))

    def _stepper(self, delta_ns: int) -> Action:
        def step(at: RawNs, t: int) -> None:
            self._clock.step(delta_ns)

        return step

    # ---- asked once a second ------------------------------------------------------------------------------------------------

    def crystal_ppb(self, k: int) -> float:
        """What timer faults add to the crystal's frequency in second k."""
        ppb = 0.0
        for f in self._timer:
            if f.on(k):
                if f.name == "timer-slow":
                    ppb += (f.number("ratio") - 1.0) * 1e9
                elif f.name == "suspend":
                    return STOPPED_PPB
                else:
                    ppb += f.number("ppm") * 1e3
        return ppb

    def drops(self, k: int) -> bool:
        """True if pulse and sentences of second k are lost together."""
        if self._drop is None or not self._drop.on(k):
            return False
        every = max(2, int(self._drop.number("every")))
        return k % every == every // 2

    def asleep(self, t: int) -> bool:
        """True if the machine sleeps at this true time."""
        return self._sleep is not None and self._sleep.on(t / NS)

    def port(self, t: int) -> str:
        """The name of the serial port at this true time (empty: there is only one)."""
        if self._unplug is None:
            return ""
        return "ttyACM0" if t / NS < self._unplug.at_s else "ttyACM1"

    def actions(self, k: int) -> list[tuple[int, Action]]:
        """What is done in second k, as (true ns, action)."""
        if self._quiet:
            return []
        out = list(self._once.get(k, ()))
        scenario = self._scenario
        if scenario.tick_s and k % scenario.tick_s == 0:
            out.append((k * NS + 6 * NS // 10, self._tick))
        if scenario.temperature_s and k % scenario.temperature_s == 0:
            celsius = self._crystal.celsius
            out.append((k * NS + 7 * NS // 10, lambda at, t: Temperature(at, "crystal", round(celsius, 3))))
        if (rtc := scenario.rtc) is not None and k % rtc.every_s == rtc.every_s // 2:
            when, whole = rtc.next_reading(k)
            out.append((when, lambda at, t: rtc.reading(at, whole, self._calendar.start.unix)))
        if (f := self._chrony) is not None and f.on(k) and k % max(1, int(f.number("every"))) == 1:
            out.append((k * NS + 8 * NS // 10, self._steer))
        return out

    def _tick(self, at: RawNs, t: int) -> Tick:
        return Tick(at, self._clock.shown(at), self._clock.mono(at), 200)

    def _steer(self, at: RawNs, t: int) -> Applied | None:
        """A daemon that knows the crystal's slow frequency and steers the rest of the offset out within four rounds."""
        f = self._chrony
        assert f is not None
        offset = self._clock.shown(at) - self._calendar.unix_ns(t) + self._chrony_draw(0.0, _CHRONY_NOISE_NS)
        wanted = -self._crystal.slow_ppb - offset / (4.0 * f.number("every"))
        set_ppb = self._clock.set_frequency(at, wanted)
        return Applied(at, set_ppb, 0, self._clock.era, "chrony") if f.number("declared") else None
