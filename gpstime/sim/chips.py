"""The fake RTC chips by name. Each is written from its maker's document, with its own table of registers (firmware_notes/rtc)."""

from __future__ import annotations

from typing import Any

from gpstime.errors import UsageError
from gpstime.sim.chips_base import Chip
from gpstime.sim.chips_ds3231 import Ds3231, Ds3231m, Ds3232

CHIPS: dict[str, type[Chip]] = {chip.name: chip for chip in (Ds3231, Ds3231m, Ds3232)}


def chip(name: str, **options: Any) -> Chip:
    """A fake of that name (case and dashes do not matter); `options` are those of `Chip`. UsageError names the known ones."""
    known = CHIPS.get(name.lower().replace("-", ""))
    if known is None:
        raise UsageError(f"no fake of an RTC {name!r}; known: {', '.join(CHIPS)}")
    return known(**options)
