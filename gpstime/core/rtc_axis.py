"""True time at any raw instant, for what is compared with the pulses: from the two around it, else from the system clock.

The system clock is used where there are no pulses (somebody disciplines it, hopefully); whoever uses it has to say so.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.core.train import Pulse
from gpstime.model import ClockStep, Tick
from gpstime.times import NS, RawNs, UtcTime

HOLD_NS = 100 * NS
"""How long after a pulse true time is carried on by the raw clock."""
TICK_HOLD_NS = 7200 * NS
SILENT_NS = 3600 * NS
"""Where there were pulses, the system clock takes their place only after so long without one."""
CARRIED = 1e-7
"""How much the raw clock's rate may have changed meanwhile."""
PULSES = 3
"""Pulses before they are the reference."""


@dataclass(frozen=True, slots=True)
class Seen:
    """True ns from the zero of `row`; between two rows there is no difference. `utc_ns`: POSIX ns, if the second has a name."""

    true_ns: int
    err_ns: int
    row: tuple[str, int]
    utc_ns: int | None

    @property
    def against(self) -> str:
        return self.row[0]


class Axis:
    """Feed it pulses, ticks and steps; ask `at(raw)`."""

    def __init__(self) -> None:
        self._pulse: tuple[int, int, int] | None = None
        """Raw time, true ns (pulse number), error of the last pulse; and of the one before it."""
        self._before: tuple[int, int, int] | None = None
        self._run, self._rate, self._row, self._seen = -1, 1.0, 0, 0
        self._zero: int | None = None
        self._ticks: tuple[int, int, int] | None = None
        self._tick_before: tuple[int, int, int] | None = None
        self._era = 0

    def on_pulse(self, pulse: Pulse, rate: float, second: UtcTime | None) -> None:
        """A pulse that counts; `rate`: raw seconds per true second; `second` is its name if it has one."""
        if pulse.run != self._run:
            self._run, self._before, self._pulse, self._seen = pulse.run, None, None, 0
            self._row += 1
        self._seen += 1
        self._before, self._pulse = self._pulse, (pulse.at, pulse.n * NS, pulse.edge.err_ns)
        self._rate = rate
        self._zero = None if second is None else second.unix - pulse.n * NS

    def on_tick(self, tick: Tick) -> None:
        self._tick_before, self._ticks = self._ticks, (tick.at, tick.shown, tick.err_ns)

    def on_step(self, step: ClockStep) -> None:
        """The system clock jumped."""
        self._era += 1
        self._ticks = self._tick_before = None

    def forget(self) -> None:
        """The pulses so far were no reference."""
        self._run, self._pulse, self._before = -1, None, None

    def at(self, raw: RawNs) -> Seen | None:
        """True time at `raw`; None where nothing near it tells."""
        if self._pulse is not None and self._seen >= PULSES and raw - self._pulse[0] < HOLD_NS:
            true, err = _between(raw, self._before, self._pulse, self._rate)
            return Seen(true, err, ("gps", self._row), None if self._zero is None else true + self._zero)
        if self._seen >= PULSES and self._pulse is not None and raw - self._pulse[0] < SILENT_NS:
            return None
        if self._ticks is None or self._tick_before is None or raw - self._ticks[0] > TICK_HOLD_NS:
            return None
        (a, shown_a, _), (b, shown_b, _) = self._tick_before, self._ticks
        true, err = _between(
            raw, self._tick_before, self._ticks, (b - a) / (shown_b - shown_a) if shown_b > shown_a and b > a else 1.0
        )
        return Seen(true, err, ("system", self._era), true)


def _between(raw: int, before: tuple[int, int, int] | None, last: tuple[int, int, int], rate: float) -> tuple[int, int]:
    """True ns at `raw` on the line through two marks (raw, true, err), and what it may be off."""
    at, true, err = last
    if before is not None and before[0] < raw < at:
        part = (raw - before[0]) / (at - before[0])
        return before[1] + round(part * (true - before[1])), max(err, before[2])
    far = abs(raw - at)
    return true + round((raw - at) / rate), err + round(CARRIED * max(0, far - 2 * NS))
