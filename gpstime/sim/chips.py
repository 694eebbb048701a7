"""The fake RTC chips by name. Each is written from its maker's document, with its own table of registers (firmware_notes/rtc)."""

from __future__ import annotations

from typing import Any

from gpstime.errors import UsageError
from gpstime.sim.chips_base import Chip
from gpstime.sim.chips_ds1307 import Ds1307, Ds1338
from gpstime.sim.chips_ds3231 import Ds3231, Ds3231m, Ds3232
from gpstime.sim.chips_mcp7940n import Mcp7940n
from gpstime.sim.chips_nxp import Pcf8523, Pcf8563, Pcf85063a
from gpstime.sim.chips_rv3028 import Rv3028
from gpstime.sim.chips_rv8803 import Rv8803

_ALL: tuple[type[Chip], ...] = (
    *(Ds3231, Ds3231m, Ds3232, Ds1307, Ds1338),
    *(Pcf8523, Pcf8563, Pcf85063a, Rv3028, Rv8803, Mcp7940n),
)
CHIPS: dict[str, type[Chip]] = {chip.name: chip for chip in _ALL}


def chip(name: str, **options: Any) -> Chip:
    """A fake of that name (case and dashes do not matter); `options` are those of `Chip`. UsageError names the known ones."""
    known = CHIPS.get(name.lower().replace("-", ""))
    if known is None:
        raise UsageError(f"no fake of an RTC {name!r}; known: {', '.join(CHIPS)}")
    return known(**options)
