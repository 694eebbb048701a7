"""The kernel's pulses: /dev/ppsN through the RFC 2783 ioctls of <linux/pps.h>. Which one to open is `pps_sysfs`'s business.

Only reads: fetching needs no rights beyond opening the node; parameters are looked at, never set (that needs CAP_SYS_TIME).
The kernel stamps on CLOCK_REALTIME. It keeps one edge of each kind, so what is not fetched within a second is lost and counted.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast

from gpstime.drivers.pps_sysfs import SYSFS, KernelPulse
from gpstime.drivers.sysfs import text
from gpstime.drivers.timebase import MachineTime
from gpstime.errors import DeviceError, DeviceForbidden, DeviceMissing
from gpstime.ports import EdgeStamp, Timebase
from gpstime.times import NS

DEV = Path("/dev")

# <linux/pps.h> gives its ioctls pointer types, so the number carries the size of a pointer: 0xC00870A4, or 0xC00470A4 on 32 bits.
_POINTER = struct.calcsize("P")
PPS_GETPARAMS = 2 << 30 | _POINTER << 16 | ord("p") << 8 | 0xA1
PPS_FETCH = 3 << 30 | _POINTER << 16 | ord("p") << 8 | 0xA4
_FDATA = struct.Struct("@IIqiIqiIiqiI")
"""pps_fdata: two sequence numbers, two pps_ktime (seconds of 64 bits everywhere; ns, flags), the mode, the timeout (pps_ktime)."""
_KPARAMS = struct.Struct("@iiqiIqiI")
CAPTURE_ASSERT, CAPTURE_CLEAR = 0x01, 0x02
_OFFSET_ASSERT, _OFFSET_CLEAR = 0x10, 0x20

SHORTEST_WAIT_NS = 20_000_000
"""The kernel waits in whole ticks of its timer, of 10 ms where they are longest, and not at all for less than one."""
SILENT_CLEARS = 10
"""Pulses without one clear edge from a device that should capture them, after which that is said."""

Ioctl = Callable[[int, int, bytearray], int]


class PpsKernel:
    """One device, open. Fits `ports.PpsInput`. `missed`: edges that were overwritten before they were fetched."""

    def __init__(
        self,
        pulse: KernelPulse,
        *,
        time: Timebase | None = None,
        sysfs: Path = SYSFS,
        dev: Path = DEV,
        open_node: Callable[[str, int], int] = os.open,
        ioctl: Ioctl = fcntl.ioctl,
    ) -> None:
        self.pulse = pulse
        self.name = f"/dev/{pulse.node} ({pulse.name})"
        self.missed = 0
        self._time = time or MachineTime()
        self._sysfs, self._ioctl = sysfs, ioctl
        self._fd = -1
        self._notes: list[str] = []
        self._waiting: deque[EdgeStamp] = deque()
        self._without_clear = self._frozen = 0
        node = str(dev / pulse.node)
        try:
            self._fd = open_node(node, os.O_RDONLY | os.O_CLOEXEC)
        except PermissionError:
            raise DeviceForbidden(
                f"{self.name}: permission denied. Give a group the pulse with a udev rule, "
                f'SUBSYSTEM=="pps", GROUP="gpio", MODE="0660", and join it: sudo usermod -aG gpio $USER, then log in again.'
            ) from None
        except OSError as error:
            raise DeviceMissing(f"{self.name} can't be opened ({error.strerror}).") from None
        try:
            self._mode = self._look_at_parameters()
            fetched = self._fetch(0.0)
        except DeviceError:
            self.close()
            raise
        assert fetched is not None, "a fetch without a timeout never times out"
        self._seen = {"assert": fetched[0], "clear": fetched[1]}  # what came before is not ours to give
        self._stamps = {"assert": 0, "clear": 0}

    def _look_at_parameters(self) -> int:
        raw = bytearray(_KPARAMS.size)
        self._call(PPS_GETPARAMS, raw)
        _, mode, a, a_ns, _, c, c_ns, _ = _KPARAMS.unpack(raw)
        if not mode & (CAPTURE_ASSERT | CAPTURE_CLEAR):
            raise DeviceError(f"{self.name} captures no edge: another program switched it off; loading the overlay again helps.")
        for edge, bit, off_ns in (("assert", _OFFSET_ASSERT, a * NS + a_ns), ("clear", _OFFSET_CLEAR, c * NS + c_ns)):
            if mode & bit and off_ns:
                self._notes.append(f"{self.name}: another program makes the kernel add {off_ns} ns to each {edge} stamp.")
        if not mode & CAPTURE_CLEAR:
            self._notes.append(
                f"{self.name}: only assert edges are captured, so the pulse's width is not known "
                "(dtoverlay=pps-gpio,...,capture_clear=on in config.txt captures both)."
            )
        return int(mode)

    @property
    def captures(self) -> tuple[str, ...]:
        """The kinds of edges that the kernel captures here."""
        return tuple(edge for edge, bit in (("assert", CAPTURE_ASSERT), ("clear", CAPTURE_CLEAR)) if self._mode & bit)

    def notes(self) -> list[str]:
        """Sentences for people since the last call."""
        said, self._notes = self._notes, []
        return said

    def wait(self, timeout_s: float) -> EdgeStamp | None:
        """See `ports.PpsInput`. May come back early without an edge, when a signal arrived."""
        # A fetch waits for the next event, whatever came meanwhile: so first what is there already.
        self._take(self._fetch(0.0))
        end = self._time.now() + round(timeout_s * NS)
        while not self._waiting and (left_ns := end - self._time.now()) > 0:
            if left_ns < SHORTEST_WAIT_NS:
                self._time.sleep(left_ns / NS)
                self._take(self._fetch(0.0))
                break
            fetched = self._fetch(left_ns / NS)
            self._take(fetched)
            if fetched is None:
                self._take(self._fetch(0.0))  # an edge that slipped in between looking and waiting
                break
        if self._waiting:
            return self._waiting.popleft()
        self._still_there()
        return None

    def _take(self, fetched: tuple[int, int, int, int] | None) -> None:
        """Queue what is new, in order of its stamps."""
        if fetched is None:
            return
        new = []
        for edge, seq, stamp in (("assert", fetched[0], fetched[2]), ("clear", fetched[1], fetched[3])):
            came = (seq - self._seen[edge]) & 0xFFFF_FFFF
            if not came:
                continue
            self._seen[edge] = seq
            self.missed += came - 1
            if edge == "clear":
                self._without_clear = 0
            elif self._mode & CAPTURE_CLEAR:
                self._without_clear += 1
                if self._without_clear == SILENT_CLEARS:
                    self._notes.append(
                        f"{self.name}: clear edges should be captured and none comes: the pulse's width is not known "
                        "(some kernels ignore capture_clear)."
                    )
            if stamp == self._stamps[edge]:
                if not self._frozen:
                    self._notes.append(f"{self.name}: the stamp of its {edge} edges stands still; they are not used.")
                self._frozen += 1
                continue
            self._stamps[edge] = stamp
            new.append(EdgeStamp("real", stamp, cast('Literal["assert", "clear"]', edge), seq, "kernel"))
        self._waiting.extend(sorted(new, key=lambda s: s.stamp))

    def _fetch(self, timeout_s: float) -> tuple[int, int, int, int] | None:
        """(assert number, clear number, assert stamp, clear stamp); None when nothing came in time."""
        seconds, nanoseconds = divmod(max(0, round(timeout_s * NS)), NS)
        raw = bytearray(_FDATA.size)
        _FDATA.pack_into(raw, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, seconds, nanoseconds, 0)
        if not self._call(PPS_FETCH, raw):
            return None
        asserts, clears, a, a_ns, _, c, c_ns, *_ = _FDATA.unpack(raw)
        return asserts, clears, a * NS + a_ns, c * NS + c_ns

    def _call(self, request: int, raw: bytearray) -> bool:
        """False when nothing came in time, or a signal did."""
        if self._fd < 0:
            raise DeviceMissing(f"{self.name} was closed.")
        try:
            self._ioctl(self._fd, request, raw)
        except OSError as error:
            if error.errno in (errno.ETIMEDOUT, errno.EINTR):
                return False
            if error.errno == errno.ENOTTY:
                raise DeviceError(f"{self.name} is no pulse device (it does not know the RFC 2783 calls).") from None
            raise DeviceMissing(f"{self.name} is gone ({error.strerror}).") from None
        return True

    def _still_there(self) -> None:
        """Whoever holds a removed device open hears nothing any more, not even an error; its number may be another's by now."""
        name = text(self._sysfs / self.pulse.node / "name")
        if name != self.pulse.name:
            now = f"its number belongs to {name} now" if name else "its driver let go of it"
            raise DeviceMissing(f"{self.name} is gone: {now}.")

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
