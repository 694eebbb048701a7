"""What answers at an address, found by reading only, and how sure that is (F-R14): other chips live at an RTC's address too.

The surest sign is where a chip's register pointer wraps: a block read of 32 bytes shows the first registers again after 16
(PCF8563), 18 (PCF85063A), 19 (DS3231) or 20 (PCF8523) of them. What a chip always reads as 0, and no time, speak against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gpstime.drivers.rtc.calendar import second_of
from gpstime.drivers.rtc.open import FAMILIES, wire_to
from gpstime.drivers.rtc.wire import Wire
from gpstime.errors import RtcUnavailable
from gpstime.ports import I2cBus, Timebase

MOTION = {0x68: "MPU-6050", 0x70: "MPU-6500", 0x71: "MPU-9250", 0x73: "MPU-9255", 0x75: "MPU-9255"}
"""WHO_AM_I (register 0x75) of the motion sensors that share 0x68 with RTCs."""
WHO_AM_I = 0x75
LOOKS, LOOK_S = 24, 0.05
TRIES = 3
"""A second that ticks between a register and its repetition makes a wrap look like none: then it is looked at again."""


@dataclass(frozen=True, slots=True)
class Identified:
    """`name` is the chip, or the first of those that can't be told apart without writing (`also` are the others).

    None: no RTC that is known here. `sure` False: nothing contradicts it, but nothing proves it either.
    """

    name: str | None
    sure: bool
    why: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Look:
    """The first 32 registers, and 32 more from a second place that shows whether a larger map wraps."""

    first: tuple[int, ...]
    more: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Family:
    """`zeros`: (register, bits that always read 0). `lost`: (register, bit that says that there need be no time).

    The proof: `wraps`, so many registers after which the first come again; or `more_wraps` of those read from `more_at` on, after
    which the first come; or `sign`, of the registers themselves. `ticks`: that alone proves little (any memory of 256 bytes wraps
    so), it has to be seen to count as well.
    """

    name: str
    also: tuple[str, ...]
    zeros: tuple[tuple[int, int], ...]
    wraps: int = 0
    more_at: int = 0x20
    more_wraps: int = 0
    ticks: bool = False
    lost: tuple[int, int] = (0, 0)
    sign: Callable[[_Look], bool] | None = None


def _plain(seconds: int, *, date_first: bool = False) -> tuple[tuple[int, int], ...]:
    """The bits of the time registers that read 0 in every chip."""
    return ((seconds + 1, 0x80), (seconds + 2, 0x80), (seconds + (3 if date_first else 4), 0xC0), (seconds + 5, 0x40))


def _wraps(look: _Look, after: int) -> bool:
    again = look.first[after:]
    return again == look.first[: len(again)] and len(set(again)) > 2


def _more_wraps(look: _Look, after: int) -> bool:
    again = look.more[after:]
    return again == look.first[: len(again)] and len(set(again)) > 2


def _twice(look: _Look) -> bool:
    """The time stands in two places."""
    return look.first[0:7] == look.first[0x11:0x18]


_FAMILIES: dict[int, tuple[_Family, ...]] = {
    0x68: (
        _Family(
            "ds3231",
            ("ds3231m",),
            (*_plain(0), (0, 0x80), (3, 0xF8), (5, 0x60), (0x0F, 0x70), (0x12, 0x3F)),
            wraps=19,
            lost=(0x0F, 0x80),
        ),
        _Family("pcf8523", (), (*_plain(3, date_first=True), (5, 0xC0), (7, 0xF8), (8, 0xE0)), wraps=20, lost=(3, 0x80)),
        _Family("ds1307", ("ds1338",), (*_plain(0), (3, 0xF8), (5, 0xE0), (7, 0x4C)), more_at=0x30, more_wraps=16, lost=(0, 0x80)),
        _Family(
            "ds3232",
            (),
            (*_plain(0), (0, 0x80), (3, 0xF8), (5, 0x60), (0x12, 0x3F)),
            more_at=0xF0,
            more_wraps=16,
            ticks=True,
            lost=(0x0F, 0x80),
        ),
    ),
    0x51: (
        _Family(
            "pcf8563",
            (),
            (*_plain(2, date_first=True), (4, 0xC0), (6, 0xF8), (7, 0x60), (0, 0x57), (1, 0xE0)),
            wraps=16,
            lost=(2, 0x80),
        ),
        _Family(
            "pcf85063a", (), (*_plain(4, date_first=True), (6, 0xC0), (8, 0xF8), (0, 0x48), (9, 0xE0)), wraps=18, lost=(4, 0x80)
        ),
    ),
    0x52: (
        _Family(
            "rv3028",
            (),
            (*_plain(0), (0, 0x80), (2, 0xC0), (3, 0xF8), (5, 0xE0)),
            ticks=True,
            lost=(0x0E, 0x01),
            sign=lambda look: look.more[8] != 0,
        ),
    ),
    0x32: (_Family("rv8803", (), (*_plain(0), (0, 0x80), (2, 0xC0), (3, 0x80), (5, 0xE0)), lost=(0x0E, 0x02), sign=_twice),),
    0x6F: (_Family("mcp7940n", (), (*_plain(0), (3, 0xC0), (5, 0xC0)), more_at=0x10, more_wraps=16),),
}


def identify(
    bus: int | I2cBus,
    address: int,
    *,
    time: Timebase | None = None,
    root: Path = Path("/"),
) -> Identified:
    """What RTC this may be; reads only, and takes a second at most.

    RtcUnavailable where nobody answers, RtcHeld where the kernel's driver has the address (then the kernel knows what it is).
    """
    wire = wire_to(bus, address, "the device", time=time, root=root)
    families = _FAMILIES.get(address) or tuple(family for known in _FAMILIES.values() for family in known)
    first = wire.read(0, 32).values
    fitting = []
    for family in families:
        if wrong := _contradicts(wire, family, first):
            fitting.append((family, wrong))
            continue
        if any(_proves(family, look) for look in _looks(wire, family)) and (not family.ticks or _ticks(wire, family)):
            told = f"its registers repeat as a {family.name}'s do, and read as one's do"
            return Identified(family.name, True, told, family.also)
        fitting.append((family, ""))
    return _doubtful(wire, [family for family, wrong in fitting if not wrong], fitting)


def _looks(wire: Wire, family: _Family) -> list[_Look]:
    looks = []
    for _ in range(TRIES):
        looks.append(_Look(wire.read(0, 32).values, wire.read(family.more_at, 32).values))
        if _proves(family, looks[-1]):
            break
    return looks


def _proves(family: _Family, look: _Look) -> bool:
    if family.sign is not None:
        return len(set(look.first)) > 2 and family.sign(look)
    if family.wraps:
        return _wraps(look, family.wraps)
    return _more_wraps(look, family.more_wraps)


def _ticks(wire: Wire, family: _Family) -> bool:
    """Whether the seconds go on by one within a second."""
    register = FAMILIES[family.name].layout.seconds
    was = second_of(wire.read_byte(register)[register])
    for _ in range(LOOKS):
        wire.time.sleep(LOOK_S)
        now = second_of(wire.read_byte(register)[register])
        if now != was:
            return was is not None and now == (was + 1) % 60
    return False


def _contradicts(wire: Wire, family: _Family, first: tuple[int, ...]) -> str:
    """Why these registers are not of this family; "" if nothing speaks against it."""
    if len(set(first)) == 1:
        return f"all registers read 0x{first[0]:02X}"
    for register, bits in family.zeros:
        if first[register] & bits:
            return f"register 0x{register:02X} reads 0x{first[register]:02X}, where a {family.name} has zeros"
    register, bit = family.lost
    if first[register] & bit:
        return ""
    told = FAMILIES[family.name](family.name, wire).decode(dict(enumerate(first)))
    return "" if told.utc else f"as a {family.name} {told.doubt}"


def _doubtful(wire: Wire, left: list[_Family], all_of_them: list[tuple[_Family, str]]) -> Identified:
    if who := _motion(wire):
        return Identified(None, True, f"register 0x75 says {who}: a motion sensor, not a clock.")
    if not left:
        return Identified(None, False, "not an RTC that is known: " + "; ".join(wrong for _, wrong in all_of_them) + ".")
    names = [name for family in left for name in (family.name, *family.also)]
    return Identified(names[0], False, f"nothing speaks against {' or '.join(names)}, and nothing proves it.", tuple(names[1:]))


def _motion(wire: Wire) -> str:
    if wire.address not in (0x68, 0x69):
        return ""
    try:
        return MOTION.get(wire.read_byte(WHO_AM_I)[WHO_AM_I], "")
    except RtcUnavailable:
        return ""
