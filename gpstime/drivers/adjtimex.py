"""What others do to the system clock, as the kernel tells it: adjtimex, read only (`modes` is 0 and can't be anything else here).

The kernel's `freq` is a correction (positive: the clock is made to run faster), in units of 2^-16 ppm. It is not the whole rate:
what it can't hold is in `tick`, and the PLL's and adjtime's shares are in neither. So it is told to people and no stamp depends
on it. What the looks together tell is in `steering`.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TICK_US = 10_000
"""The tick of a clock left alone (USER_HZ is 100 on all boards that Linux runs on here): one us more is 100 ppm."""
STA_PLL, STA_INS, STA_DEL, STA_UNSYNC, STA_NANO = 0x1, 0x10, 0x20, 0x40, 0x2000
TIME_ERROR = 5


def layout(word: Any) -> type[ctypes.Structure]:
    """`struct timex` where a long and the seconds of a time are one `word`.

    That is c_long for the C library's `adjtimex` (32 bits on a 32-bit system, 64 on a 64-bit one) and c_int64 for the one that a
    32-bit system has for 64-bit times.  Beside 64-bit words the kernel has a filler after each int, which is named here because
    not every 32-bit compiler would pad (ARM's does, i386's does not).
    """

    def filler(name: str) -> list[tuple[str, Any]]:
        return [(name, ctypes.c_int)] if ctypes.sizeof(word) == 8 else []

    class Timex(ctypes.Structure):
        _fields_ = [
            ("modes", ctypes.c_uint),
            *filler("fill_1"),
            *((name, word) for name in ("offset", "freq", "maxerror", "esterror")),
            ("status", ctypes.c_int),
            *filler("fill_2"),
            *((name, word) for name in ("constant", "precision", "tolerance", "time_s", "time_us", "tick", "ppsfreq", "jitter")),
            ("shift", ctypes.c_int),
            *filler("fill_3"),
            *((name, word) for name in ("stabil", "jitcnt", "calcnt", "errcnt", "stbcnt")),
            ("tai", ctypes.c_int),
            ("reserved", ctypes.c_int * 11),
        ]

    return Timex


Call = Callable[[Any], int]
"""Fills a `struct timex`, returns the kernel's state of the clock; OSError if it is refused."""


def selected(has: Callable[[str], bool], long_bytes: int) -> tuple[str, Any]:
    """Which function of a C library is asked, and the word of its `struct timex`.

    On 32 bits glibc has one for times beyond 2038 since 2.34 (seen in Debian's libc6 for armhf: ___adjtimex64@@GLIBC_2.34, which
    makes the kernel's clock_adjtime64, call 405).  Without it the old one answers until 2038; musl's own variant lays the struct
    out in a third way, and its old symbol answers as well.
    """
    if long_bytes == 4 and has("___adjtimex64"):
        return "___adjtimex64", ctypes.c_int64
    return "adjtimex", ctypes.c_int32 if long_bytes == 4 else ctypes.c_int64


def kernel_call() -> tuple[Call, type[ctypes.Structure]]:
    """The C library's adjtimex and the layout that it fills."""
    libc = ctypes.CDLL(None, use_errno=True)
    name, word = selected(lambda name: hasattr(libc, name), ctypes.sizeof(ctypes.c_long))
    return _raising(getattr(libc, name)), layout(word)


def _raising(function: Any) -> Call:
    def call(timex: Any) -> int:
        state = int(function(ctypes.byref(timex)))
        if state < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return state

    return call


@dataclass(frozen=True, slots=True)
class Steering:
    """The kernel's discipline now. `freq_ppb`: the correction in force, of `freq` and `tick` together; positive runs faster.

    `synchronized`: somebody says that the clock is right; meanwhile most kernels copy it into the RTC every 11 minutes (P19).
    `tai_s`: TAI - UTC as somebody told the kernel, 0 for nobody. `leap`: what it will do at the end of the day, +1, -1 or 0.
    """

    freq_ppb: float
    tick_us: int
    offset_ns: int
    most_error_us: int
    synchronized: bool
    tai_s: int
    leap: int


def read_steering(call: Call | None = None, timex_type: type[ctypes.Structure] | None = None) -> Steering | None:
    """One look; None where the kernel or a sandbox refuses even that."""
    if call is None or timex_type is None:
        call, timex_type = kernel_call()
    timex: Any = timex_type()
    assert timex.modes == 0, "the clock is only looked at"
    try:
        state = call(timex)
    except OSError:
        return None
    ns = timex.offset if timex.status & STA_NANO else timex.offset * 1000
    leap = bool(timex.status & STA_INS) - bool(timex.status & STA_DEL)
    return Steering(
        timex.freq * 1000 / 65_536 + (timex.tick - TICK_US) * 1e5,
        timex.tick,
        ns,
        timex.maxerror,
        state != TIME_ERROR and not timex.status & STA_UNSYNC,
        timex.tai,
        leap,
    )
