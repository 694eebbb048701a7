"""The fake RTC chips by name. Each is written from its maker's document, with its own table of registers (firmware_notes/rtc).

    time = VirtualTime(ppm=2.3)                               # the Pi's raw clock gains 2.3 ppm
    rtc = chip("ds3231", ppm=-0.7, start=UtcTime.civil(2026, 3, 1, 12))
    bus = FakeI2cBus(time, {rtc.address: rtc})                # has smbus2's methods
    rtc.truth_at(time.true_now).ppm                           # what a driver should find out

How each fault of the catalogue is switched on:

| F-R01 own ppm, F-R09 grossly wrong | `ppm=106.9`, `ppm=-34_700` (50 minutes a day) |
| F-R02 a tuning fork's temperature | `temperature_c=5.0`, or a function of the true ns |
| F-R03 just got power | `start=None` |
| F-R04 switch to the battery off | `backup=False`, then `power_cut(at)` and `power_back(at)` |
| F-R05 torn reads | `torn=True`; an RV-8803 does it by nature |
| F-R06, F-R07 no BCD, century, 12 hours | `poke(register, value)` |
| F-R08 copies | `chips_faulty.Ds3231Copy`, `ppm=chips_faulty.SLOW_COPY_PPM` |
| F-R10 slow on battery | `battery_ppm=-50_000.0` |
| F-R11 errors, bursts, stalls | `FakeI2cBus(error_rate=, burst=, stall_rate=)`, `bus.faults.fail()`, `.stall()`, `.break_down()` |
| F-R12 the kernel holds it | `bus.hold(address)`, or `kernel_rtc.KernelDoor(bus, chip)` |
| F-R13 rewritten every eleven minutes | `kernel_rtc.ElevenMinutes(chip, system)` |
| F-R14 something else at 0x68 | `chips_faulty.Mpu6050` |
| F-R15 aging without effect until CONV | DS3231 and DS3232 by nature |
| F-R16 fails at first | `bus.faults.break_down(errno.EIO, until_ns=)` |
| F-R17 reading moves the clock | `KernelDoor(bus, pcf8523, broken_reads=True)` |
"""

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
