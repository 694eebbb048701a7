"""What is known of the kernel's drivers of clock chips: what they say of lost power, which way their trim goes, their limits."""

from __future__ import annotations

from gpstime.core.trim import TrimSpec

VL_INVALID, VL_LOW, VL_EMPTY = 0x01, 0x02, 0x04
"""RTC_VL_DATA_INVALID, _BACKUP_LOW, _BACKUP_EMPTY of <linux/rtc.h>."""
TELLS = frozenset(
    (
        "ds1307",
        "ds1338",
        "ds1340",
        "pcf8523",
        "rv8523",
        "pcf85063",
        "pcf85063a",
        "rv8263",
        "rv3028",
        "rv8803",
        "mcp7940x",
        "mcp7941x",
    )
)
"""Chips whose driver refuses to give a time that the chip's own flag disowns, so that a time given is one to trust.

The drivers of the DS3231 and DS3232 are not: until 2025 they cleared the flag when they were loaded, with a line in the log.
"""
_FAST_CYCLE_S = {"pcf8523": 60.0, "rv8523": 60.0, "pcf85063": 240.0, "pcf85063a": 240.0, "rv8263": 240.0}
"""NXP's clocks and those of the same design: the cycle of their fast mode."""
SLOW_PPB, FAST_PPB, SLOW_CYCLE_S = 4340, 4069, 7200.0


def door(name: str, ppb: int) -> TrimSpec | None:
    """What sysfs `offset` (now at `ppb`) does to this chip: None for a driver that is not known here."""
    if name == "rv3028":
        return TrimSpec(
            -256,
            255,
            0.953674,
            "faster",
            "continuous",
            1,
            32,
            "rtc-rv3028: `offset` is the register's value times 953.674 ppb, sign and all, and the register's positive is faster",
        )
    if name not in _FAST_CYCLE_S:
        return None
    slow = ppb != 0 and ppb % SLOW_PPB == 0
    step, cycle_s = (SLOW_PPB, SLOW_CYCLE_S) if slow else (FAST_PPB, _FAST_CYCLE_S[name])
    source = f"sysfs `offset` of {name}: positive is slower; the driver takes the nearer of its modes, {step} ppb a step now"
    return TrimSpec(-64, 63, step / 1000, "slower", "pulses", cycle_s, cycle_s, source)


def limits_of(name: str, *, trim: bool) -> tuple[str, ...]:
    """What can't be had through the kernel's driver."""
    told = ["whole seconds only, read through the driver; registers, backup switch and square wave are not shown"]
    if name not in TELLS:
        told.append(f"the driver of the {name} may have cleared the flag for lost power when it was loaded (it did until 2025)")
    if not trim:
        told.append(f"the driver of the {name} offers no trim; for that, take it off for a while (unbind) and use the chip itself")
    return tuple(told)


def doubt(driver: str, name: str, told: bool, voltage: int | None) -> str:
    """Why a time is not to be trusted, "" if it is. `told`: the driver gave one; `voltage`: the bits of RTC_VL_READ, if known."""
    if not told:
        return f"the kernel's driver ({driver}) refuses its time: its power was lost, or it was never set"
    if voltage is not None:
        return "its power was lost since it was set (the kernel's RTC_VL_DATA_INVALID)" if voltage & VL_INVALID else ""
    return "" if name in TELLS else "the kernel does not say whether its power was lost"


def forbidden(node: str) -> str:
    rule = 'SUBSYSTEM=="rtc", GROUP="gpio", MODE="0660"'
    return f"{node}: permission denied, it is root's. Reading the time works without it; for more, a udev rule: {rule}."
