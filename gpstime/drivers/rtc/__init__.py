"""RTCs on an I2C bus: one file for each register map, `open_rtc` for all of them, and the kernel's driver where it has one."""

from __future__ import annotations

from gpstime.drivers.rtc.chip import RtcChip
from gpstime.drivers.rtc.identify import Identified, identify
from gpstime.drivers.rtc.kernel import KernelRtc, kernel_rtcs
from gpstime.drivers.rtc.open import chip_named, held_by, open_rtc
from gpstime.drivers.rtc.told import NO_TIME, Decoded, RtcStatus, SecondsPoll
from gpstime.drivers.rtc.wire import State, Written

open_kernel_rtc = KernelRtc

__all__ = [
    "NO_TIME",
    "Decoded",
    "Identified",
    "KernelRtc",
    "RtcChip",
    "RtcStatus",
    "SecondsPoll",
    "State",
    "Written",
    "chip_named",
    "held_by",
    "identify",
    "kernel_rtcs",
    "open_kernel_rtc",
    "open_rtc",
]
