"""`gpstime rtc show`: everything that the chip says about itself, and what is known of it. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.app.rtc_bench import Bench
from gpstime.core.trim import TrimSpec
from gpstime.drivers.rtc.told import RtcStatus
from gpstime.store.rtc_history import Entry
from gpstime.times import UtcTime


@dataclass(frozen=True, slots=True)
class Shown:
    """`status` is the chip's word; `clock` what the system clock shows at the same time; `last` the latest entry of each kind."""

    chip: str
    status: RtcStatus
    state: str
    spec: TrimSpec | None
    clock: UtcTime
    last: dict[str, Entry]
    history: str


def show(bench: Bench) -> Shown:
    """RtcUnavailable and RtcHeld come as the driver raises them."""
    chip = bench.chip
    status = chip.status()
    last = {entry.what: entry for entry in bench.history.entries}
    path = "" if bench.history.path is None else str(bench.history.path)
    return Shown(chip.name, status, chip.state, chip.trim_spec, UtcTime.from_unix(bench.clock()[1]), last, path)
