"""From `[rtc]` of the configuration to its sources: the chip over its bus or through the kernel, and its 1 Hz output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from gpstime.app.rtc_source import Chip, RtcSource, SqwSource
from gpstime.app.settings import AUTO, Rtc
from gpstime.app.sources import PpsSource
from gpstime.core.trim import TrimSpec
from gpstime.drivers.pps_choice import Doors, Wanted, open_pulse
from gpstime.drivers.rtc import open_rtc
from gpstime.drivers.system_clock import Converter
from gpstime.errors import UsageError
from gpstime.ports import Clocks, Source, Timebase

_EDGES: dict[str, Literal["assert", "clear"]] = {"assert": "assert", "clear": "clear"}


def open_chip(rtc: Rtc, time: Timebase, root: Path = Path("/")) -> Chip:
    """The configured chip; DeviceError or UsageError with what to do."""
    if rtc.chip == "kernel":
        from gpstime.drivers.rtc.kernel import KernelRtc

        return KernelRtc(rtc.node, time=time, root=root)
    return open_rtc(rtc.chip, rtc.bus, None if isinstance(rtc.address, str) else rtc.address, time=time, root=root)


def rtc_sources(
    rtc: Rtc, time: Timebase, clocks: Clocks, doors: Doors | None = None, opened: Callable[[], Chip] | None = None
) -> tuple[list[Source], Callable[[str], TrimSpec | None]]:
    """The sources, and what the chip's trim register does as far as it was open yet. `opened` stands in for this machine's bus."""
    source = RtcSource(opened or (lambda: open_chip(rtc, time)), time, rtc.every_s)
    sources: list[Source] = [source]
    if rtc.sqw != "none":
        if rtc.sqw == "kernel" and rtc.sqw_device == AUTO:
            raise UsageError('[rtc] sqw = "kernel" needs sqw_device: which pulse it is (gpstime devices shows their names)')
        edge = _EDGES[rtc.sqw_edge]
        wanted = Wanted(rtc.sqw, rtc.sqw_device, rtc.sqw_chip, rtc.sqw_line, edge)
        pulse = PpsSource(lambda: open_pulse(wanted, clocks, time, doors), clocks, Converter().convert, time, SqwSource.name)
        sources.append(SqwSource(pulse, edge))
    return sources, source.trim_of
