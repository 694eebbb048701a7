"""NTP's shared memory: a segment that ntpd's driver 28, chrony's `refclock SHM` and others poll once a second.

Whoever comes first makes the segment of a unit (key 0x4e545030 + unit), with the others' rights in its mode: for root alone in
units 0 and 1, by custom for everybody from 2 on. The layout has `time_t` in it and nobody converts it (F-D04). Mode 1 of the
protocol: the writer takes `valid` away, counts, writes, counts again, gives `valid`; a reader that sees the count change throws
away what it read, and takes `valid` away when it has read. So one that is still valid at the next pulse was read by nobody.
"""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from collections.abc import Callable
from typing import Any, Protocol

from gpstime.core.feed import TAKEN, Sample, Taking
from gpstime.times import NS

KEY = 0x4E545030
"""The letters NTP0."""
IPC_CREAT = 0o1000
ROOTS_UNITS = 2
PRECISION = -20
"""Log2 of seconds: a microsecond. For ntpd; chrony has no use for it."""
PATIENCE = 8
"""Samples in a row that nobody took before it is said: readers poll once a second, ntpd and chrony alike."""


def segment(word: Any) -> type[ctypes.Structure]:
    """`struct shmTime` for this `time_t` (c_int32 or c_int64): 80 or 96 bytes (i386 would have 88 with the latter)."""

    class ShmTime(ctypes.Structure):
        _fields_ = [
            ("mode", ctypes.c_int),
            ("count", ctypes.c_int),
            ("clock_s", word),
            ("clock_us", ctypes.c_int),
            ("receive_s", word),
            ("receive_us", ctypes.c_int),
            ("leap", ctypes.c_int),
            ("precision", ctypes.c_int),
            ("nsamples", ctypes.c_int),
            ("valid", ctypes.c_int),
            ("clock_ns", ctypes.c_uint),
            ("receive_ns", ctypes.c_uint),
            ("dummy", ctypes.c_int * 8),
        ]

    return ShmTime


def mode_of(unit: int) -> int:
    """The rights that a new segment gets by custom."""
    return 0o600 if unit < ROOTS_UNITS else 0o666


class SharedMemory(Protocol):
    """System V shared memory; OSError where the kernel refuses."""

    def get(self, key: int, size: int, flags: int) -> int: ...

    def attach(self, ident: int) -> int:
        """The address."""
        ...

    def detach(self, address: int) -> None: ...


class KernelMemory:
    """Fits `SharedMemory`: the C library's calls."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._get, self._at, self._dt = libc.shmget, libc.shmat, libc.shmdt
        self._get.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]
        self._at.argtypes, self._at.restype = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int], ctypes.c_void_p
        self._dt.argtypes = [ctypes.c_void_p]

    def get(self, key: int, size: int, flags: int) -> int:
        ident = int(self._get(key, size, flags))
        if ident < 0:
            raise _last_error()
        return ident

    def attach(self, ident: int) -> int:
        address = self._at(ident, None, 0)
        if address in (None, ctypes.c_void_p(-1).value):
            raise _last_error()
        return int(address)

    def detach(self, address: int) -> None:
        self._dt(address)


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


class Fence:
    """Nothing that is written before it is seen after what is written behind it, on any processor.

    Python has no memory barrier of its own. Giving a lock back orders what was before, taking it orders what comes after, and the
    one can't overtake the other: once through and once more is a barrier for both.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self) -> None:
        for _ in range(2):
            with self._lock:
                pass


class NtpShm:
    """Samples for whoever reads unit `unit`. `mode`: the rights of a segment that is made here."""

    kind = "shm"

    def __init__(
        self,
        unit: int,
        time_bits: int,
        mode: int | None = None,
        memory: SharedMemory | None = None,
        fence: Callable[[], None] | None = None,
    ) -> None:
        self.to = f"unit {unit}"
        self._unit, self._mode = unit, mode_of(unit) if mode is None else mode
        self._struct = segment(ctypes.c_int32 if time_bits == 32 else ctypes.c_int64)
        self._bits = time_bits
        self._memory = KernelMemory() if memory is None else memory
        self._fence = Fence() if fence is None else fence
        self._ident: int | None = None
        self._address = 0
        self._shared: Any = None
        self._count: int | None = None
        self._unread = 0

    def look(self) -> Taking:
        """Whether a sample could be written now; attaches the segment, and makes it if need be."""
        try:
            self._open()
        except OSError as e:
            return self._trouble(e)
        return TAKEN

    def offer(self, sample: Sample) -> Taking:
        """Write it; what became of the one before."""
        if self._bits == 32 and not sample.shown < 2**31 * NS > sample.true:
            return Taking("layout", "the system clock shows a time that 32 bits can't hold")
        try:
            self._open()
        except OSError as e:
            return self._trouble(e)
        shared, fence = self._shared, self._fence
        others = self._count is not None and shared.count != self._count
        self._unread = self._unread + 1 if self._count is not None and shared.valid else 0
        shared.valid = 0
        fence()
        shared.mode = 1
        _count_on(shared)
        fence()
        for name, instant in (("clock", sample.true), ("receive", sample.shown)):
            seconds, ns = divmod(instant, NS)
            setattr(shared, f"{name}_s", seconds)
            setattr(shared, f"{name}_us", ns // 1000)
            setattr(shared, f"{name}_ns", ns)
        shared.leap, shared.precision, shared.nsamples = sample.leap_code, PRECISION, 0
        fence()
        _count_on(shared)
        self._count = shared.count
        fence()
        shared.valid = 1
        if others:
            return Taking("contended", f"another program writes to {self.to} too (gpsd has 0 to 7): choose another unit")
        if self._unread >= PATIENCE:
            return Taking(
                "unread", f"nobody reads {self.to}: `refclock SHM {self._unit}` in chrony.conf, and chronyd restarted after us?"
            )
        return TAKEN

    def _open(self) -> None:
        if self._shared is not None and self._unread < PATIENCE:
            return
        # Unread: somebody may have removed the segment and made another one under its key, so it is looked up anew.
        size = ctypes.sizeof(self._struct)
        ident = self._memory.get(KEY + self._unit, size, IPC_CREAT | self._mode)
        if ident == self._ident:
            return
        if self._larger(size):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        address = self._memory.attach(ident)
        self.close()
        self._ident, self._address = ident, address
        self._shared = self._struct.from_address(address)
        self._count, self._unread = None, 0

    def _larger(self, size: int) -> bool:
        """A segment that is there with more bytes: shmget refuses only one that is too small, and whoever reads 96 bytes would find
        nothing in 80 where it looks."""
        try:
            self._memory.get(KEY + self._unit, size + 1, 0)
        except OSError:
            return False
        return True

    def _trouble(self, e: OSError) -> Taking:
        if e.errno in (errno.EACCES, errno.EPERM):
            why = (
                f"user {os.geteuid()} may not write to {self.to}, which another made (ipcs -m): ipcrm -M {KEY + self._unit:#x}, "
                f"then `refclock SHM {self._unit}:perm=0666` and a restart of chronyd"
            )
            return Taking("forbidden", why)
        if e.errno == errno.EINVAL:
            return Taking("layout", f"{self.to} is there with another size: a program with another time_t made it (ipcs -m)")
        return Taking("error", f"can't have {self.to}: {e.strerror or e}")

    def close(self) -> None:
        """Let go of it; the segment stays, for a reader is not told that it went."""
        if self._shared is not None:
            self._shared.valid = 0
            self._shared = None
            self._memory.detach(self._address)
            self._ident = None


def _count_on(shared: Any) -> None:
    shared.count = ctypes.c_int(shared.count + 1).value  # past the largest it goes on with the smallest
