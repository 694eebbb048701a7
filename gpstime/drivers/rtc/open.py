"""`open_rtc`: a chip by its name, on bus 1 or on any object with smbus2's methods."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gpstime.drivers.rtc.any_bus import whole_bus
from gpstime.drivers.rtc.bus_chip import BusChip
from gpstime.drivers.rtc.chip import RtcChip
from gpstime.drivers.rtc.ds1307 import Ds1307
from gpstime.drivers.rtc.ds3231 import Ds3231
from gpstime.drivers.rtc.kernel import KernelRtc
from gpstime.drivers.rtc.mcp7940n import Mcp7940n
from gpstime.drivers.rtc.pcf8523 import Pcf8523
from gpstime.drivers.rtc.pcf8563 import Pcf8563
from gpstime.drivers.rtc.pcf85063a import Pcf85063a
from gpstime.drivers.rtc.rv3028 import Rv3028
from gpstime.drivers.rtc.rv8803 import Rv8803
from gpstime.drivers.rtc.wire import Wire
from gpstime.drivers.timebase import MachineTime
from gpstime.errors import DeviceError, DeviceForbidden, DeviceMissing, UsageError
from gpstime.ports import I2cBus, Timebase

FAMILIES: dict[str, type[BusChip]] = {
    "ds3231": Ds3231,
    "ds3231m": Ds3231,
    "ds3232": Ds3231,
    "ds1307": Ds1307,
    "ds1338": Ds1307,
    "pcf8523": Pcf8523,
    "pcf8563": Pcf8563,
    "pcf85063a": Pcf85063a,
    "rv3028": Rv3028,
    "rv8803": Rv8803,
    "mcp7940n": Mcp7940n,
}
"""The chips by name, each with the family whose registers it has."""
_ALIASES = {
    "ds3231n": "ds3231",
    "ds3231s": "ds3231",
    "ds3231sn": "ds3231",
    "ds3231mz": "ds3231m",
    "ds1307z": "ds1307",
    "ds1338z": "ds1338",
    "pcf8523t": "pcf8523",
    "pcf8563t": "pcf8563",
    "bm8563": "pcf8563",
    "pcf85063": "pcf85063a",
    "pcf85063at": "pcf85063a",
    "rv3028c7": "rv3028",
    "rv8803c7": "rv8803",
    "mcp7940": "mcp7940n",
    "mcp79410": "mcp7940n",
    "mcp79411": "mcp7940n",
    "mcp79412": "mcp7940n",
}
"""What is printed on the case, or on the bag."""


def chip_named(name: str) -> str:
    """The name as this project spells it: case, "-" and "_" don't matter. UsageError for a chip that is not known."""
    plain = re.sub(r"[-_ #+]", "", name.lower())
    plain = _ALIASES.get(plain, plain)
    if plain not in FAMILIES:
        raise UsageError(f"no chip {name!r} is known; there are {', '.join(FAMILIES)}")
    return plain


def open_rtc(
    name: str,
    bus: int | I2cBus = 1,
    address: int | None = None,
    *,
    time: Timebase | None = None,
    baud_hz: int | None = None,
    through_kernel: bool = False,
    root: Path = Path("/"),
) -> RtcChip:
    """The chip `name` on bus number `bus` (or an object with smbus2's methods), at its usual address unless another is given.

    Nothing is transferred yet, so a chip that is not there is told by the first read.  `baud_hz` is the speed of the bus, which
    narrows down when a reading was taken; for a numbered bus the device tree says it.  `through_kernel`: where the kernel's driver
    has the address, a `KernelRtc` (see its `limits`) instead of the RtcHeld that the first call would raise.

    UsageError for a name or an address that makes no sense, DeviceMissing, DeviceForbidden if the bus can't be opened.
    """
    plain = chip_named(name)
    family = FAMILIES[plain]
    address = family.default_address if address is None else address
    if through_kernel and isinstance(bus, int) and (node := held_by(bus, address, root)[1]):
        return KernelRtc(node, time=time, root=root)
    return family(plain, wire_to(bus, address, plain, time=time, baud_hz=baud_hz, root=root))


def wire_to(
    bus: int | I2cBus, address: int, name: str, *, time: Timebase | None, baud_hz: int | None = None, root: Path = Path("/")
) -> Wire:
    """The wire to whatever is at this address, called `name` in sentences."""
    if not 0x08 <= address <= 0x77:
        raise UsageError(f"0x{address:02x} is no address of an I2C device: 0x08 to 0x77 are")
    if not isinstance(bus, int):
        return Wire(whole_bus(bus), address, time=time or MachineTime(), name=name, baud_hz=baud_hz)
    return Wire(
        open_bus(bus),
        address,
        time=time or MachineTime(),
        name=name,
        bus_name=f"/dev/i2c-{bus}",
        baud_hz=baud_hz or baud_of(bus, root),
        held=lambda: held_by(bus, address, root),
    )


def open_bus(number: int) -> I2cBus:
    """smbus2's bus of that number, imported only now."""
    try:
        from smbus2 import SMBus
    except ImportError as error:
        raise DeviceError("smbus2 is missing: pip install smbus2") from error
    try:
        return SMBus(number)
    except FileNotFoundError:
        raise DeviceMissing(
            f"/dev/i2c-{number} is not there: put dtparam=i2c_arm=on into config.txt (or sudo raspi-config, Interface Options), "
            "restart, and load i2c-dev (sudo modprobe i2c-dev); other numbers: ls /dev/i2c-*."
        ) from None
    except PermissionError:
        raise DeviceForbidden(
            f"/dev/i2c-{number}: permission denied. Join its group: sudo usermod -aG i2c $USER, then log in again."
        ) from None
    except OSError as error:
        raise DeviceError(f"/dev/i2c-{number} can't be opened ({error.strerror}).") from error


def baud_of(number: int, root: Path = Path("/")) -> int | None:
    """The speed of a bus as the device tree sets it."""
    try:
        raw = (root / f"sys/bus/i2c/devices/i2c-{number}/of_node/clock-frequency").read_bytes()
    except OSError:
        return None
    return int.from_bytes(raw, "big") if len(raw) == 4 and any(raw) else None


def held_by(number: int, address: int, root: Path = Path("/")) -> tuple[str, str]:
    """(driver, /dev/rtcN) of the kernel's driver bound to an address; empty strings where none is."""
    device = root / f"sys/bus/i2c/devices/{number}-{address:04x}"
    driver = os.path.basename(os.path.realpath(device / "driver")) if (device / "driver").exists() else ""
    try:
        node = next((f"/dev/{place.name}" for place in (device / "rtc").iterdir() if place.name.startswith("rtc")), "")
    except OSError:
        node = ""
    return driver, node if driver else ""
