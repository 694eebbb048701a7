"""The clock chip's place in the engine: the axis of true time always, the chip's own tracking once a chip says something.

Most boards have no chip, and a service that never meets one need not hold the code of its tracking in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gpstime.core.rtc_axis import Axis
from gpstime.core.train import Pulse
from gpstime.core.trim import TrimSpec
from gpstime.model import ClockStep, Finding, RtcReading, SqwEdge, Tick
from gpstime.times import UtcTime

if TYPE_CHECKING:
    from gpstime.core.rtc_track import RtcTrack


class RtcBeside:
    """Fed like an `RtcTrack`, which is in `track`: made when a chip speaks, or somebody asks for it."""

    def __init__(self, trim_of: Callable[[str], TrimSpec | None] = lambda chip: None) -> None:
        self._axis, self._trim_of = Axis(), trim_of
        self._track: RtcTrack | None = None

    @property
    def seen(self) -> bool:
        """Whether a chip said which one it is."""
        return self._track is not None and bool(self._track.chip)

    @property
    def track(self) -> RtcTrack:
        return self._track or self.tracked(detect=True)

    def tracked(self, detect: bool) -> RtcTrack:
        """A new track on this axis (`detect`: see there)."""
        from gpstime.core.rtc_track import RtcTrack

        self._track = RtcTrack(self._trim_of, detect, self._axis)
        return self._track

    def on_pulse(self, pulse: Pulse, rate: float, second: UtcTime | None) -> None:
        (self._track or self._axis).on_pulse(pulse, rate, second)

    def on_tick(self, tick: Tick) -> None:
        (self._track or self._axis).on_tick(tick)

    def on_step(self, step: ClockStep) -> None:
        (self._track or self._axis).on_step(step)

    def forget(self) -> None:
        (self._track or self._axis).forget()

    def on_reading(self, reading: RtcReading) -> list[Finding]:
        return self.track.on_reading(reading)

    def on_sqw(self, edge: SqwEdge) -> list[Finding]:
        return self.track.on_sqw(edge)
