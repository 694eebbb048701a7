"""The chip's place in the engine: nothing loaded without a chip, nothing lost that came before it."""

from __future__ import annotations

import subprocess
import sys

from gpstime.core.rtc_beside import RtcBeside
from gpstime.core.train import Pulse
from gpstime.model import PpsEdge, RtcOffset, RtcReading
from gpstime.times import NS, RawNs, UnixNs, UtcTime

START = UtcTime(20_000, 0)


def test_an_engine_without_a_chip_does_not_load_its_tracking() -> None:
    code = "import sys, gpstime.core.engine; sys.exit('gpstime.core.rtc_track' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_pulses_from_before_the_first_reading_are_its_axis() -> None:
    beside = RtcBeside()
    for n in range(5):
        at = RawNs(n * NS)
        beside.on_pulse(Pulse(at, n, PpsEdge(at, UnixNs(0))), 1.0, UtcTime.from_unix(UnixNs(START.unix + n * NS)))
    assert not beside.seen
    shown = UtcTime.from_unix(UnixNs(START.unix + 5 * NS))
    (found,) = beside.on_reading(RtcReading(RawNs(4 * NS + 900_000_000), shown, edge=True, chip="ds3231"))
    assert isinstance(found, RtcOffset)
    assert found.offset_ns == 100_000_000
    assert beside.seen
