"""The kernel's own driver of a clock chip: /dev/rtcN and what sysfs shows of it. For an address that the driver holds (P14).

Ioctls of <linux/rtc.h>. /dev/rtcN is root's; the time in sysfs (`since_epoch`) can be read by everybody, and makes the driver read
the chip as well. What is not to be had this way is said in `limits`; nothing ever goes past the driver.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

from gpstime.core.trim import TrimSpec
from gpstime.drivers.rtc.calendar import FIRST_YEAR, LAST_YEAR
from gpstime.drivers.rtc.chip import RtcChip
from gpstime.drivers.rtc.kernel_words import VL_EMPTY, VL_INVALID, VL_LOW, door, doubt, forbidden, limits_of
from gpstime.drivers.rtc.told import NO_TIME, RtcStatus, SecondsPoll
from gpstime.drivers.rtc.wire import State, Written
from gpstime.drivers.sysfs import entries, text
from gpstime.drivers.timebase import MachineTime
from gpstime.errors import DeviceBusy, DeviceForbidden, DeviceMissing, RtcRefused, RtcUnavailable, UsageError
from gpstime.model import RtcReading
from gpstime.ports import Timebase
from gpstime.times import NS, RawNs, UnixNs, UtcTime

_TM = struct.Struct("@9i")
RTC_RD_TIME = 2 << 30 | _TM.size << 16 | ord("p") << 8 | 0x09
RTC_SET_TIME = 1 << 30 | _TM.size << 16 | ord("p") << 8 | 0x0A
RTC_VL_READ = 2 << 30 | 4 << 16 | ord("p") << 8 | 0x13

Ioctl = Callable[[int, int, bytearray], int]


def kernel_rtcs(root: Path = Path("/")) -> list[str]:
    """The kernel's clocks, as /dev/rtcN, by number."""
    return [f"/dev/{place.name}" for place in entries(root / "sys/class/rtc") if place.name.startswith("rtc")]


class KernelRtc(RtcChip):
    """One of them. `node` is /dev/rtcN; `name` is the chip's, as the driver calls it."""

    family = "kernel"

    def __init__(
        self,
        node: str = "/dev/rtc0",
        *,
        time: Timebase | None = None,
        root: Path = Path("/"),
        open_node: Callable[[str, int], int] = os.open,
        close_node: Callable[[int], None] = os.close,
        ioctl: Ioctl = fcntl.ioctl,
    ) -> None:
        self.node = node
        self._sysfs = root / "sys/class/rtc" / os.path.basename(node)
        if not self._sysfs.is_dir():
            there = ", ".join(kernel_rtcs(root)) or "none"
            raise DeviceMissing(f"{node} is not there (there is {there}): dtoverlay=i2c-rtc,ds3231 in config.txt makes one.")
        self._path = str(root / node.lstrip("/"))
        self._time, self._open, self._close, self._ioctl = time or MachineTime(), open_node, close_node, ioctl
        self.driver = text(self._sysfs / "name").split(" ")[0]
        super().__init__(text(self._sysfs / "device/name").partition(":")[0] or self.driver or os.path.basename(node))
        self._state: State = "OK"

    @property
    def address(self) -> int:
        place = os.path.basename(os.path.realpath(self._sysfs / "device"))
        found = re.fullmatch(r"\d+-([0-9a-f]{4})", place)
        return int(found[1], 16) if found else 0

    @property
    def state(self) -> State:
        return self._state

    @property
    def limits(self) -> tuple[str, ...]:
        """What can't be had through the kernel, in sentences."""
        return limits_of(self.name, trim=self.read_trim() is not None)

    # ---- reading ----

    def read(self) -> RtcReading:
        """From /dev/rtcN, or from sysfs where that is root's. The kernel tells whole seconds."""
        before, shown, after = self._shown()
        self.doubt = doubt(self.driver, self.name, shown is not None, self._voltage())
        at, err_ns = RawNs((before + after) // 2), (after - before + 1) // 2
        told = NO_TIME if shown is None else shown
        return RtcReading(at, told, NS, err_ns, False, not self.doubt, self.temperature_c(), None, self.name)

    def poll_seconds(self) -> SecondsPoll:
        """The kernel reads the whole chip for it."""
        before, shown, after = self._shown()
        return SecondsPoll(before, after, None if shown is None else shown.ns_of_day // NS % 60)

    def status(self) -> RtcStatus:
        shown, voltage = self._shown()[1], self._voltage()
        return RtcStatus(
            self.name,
            self.address,
            shown,
            doubt(self.driver, self.name, shown is not None, voltage),
            power_lost=True if shown is None else None if voltage is None else bool(voltage & VL_INVALID),
            battery_low=None if voltage is None else bool(voltage & (VL_LOW | VL_EMPTY)),
            trim=self.read_trim(),
            temperature_c=self.temperature_c(),
            notes=self.limits,
        )

    def temperature_c(self) -> float | None:
        """From hwmon, where the driver registers the chip there (DS3231)."""
        for place in entries(self._sysfs / "device/hwmon"):
            if (told := text(place / "temp1_input")).lstrip("-").isdigit():
                return int(told) / 1000
        return None

    def offset_ppb(self) -> int | None:
        """The driver's trim in ppb as sysfs has it (see `trim_spec` for the sign); None where the driver has none."""
        told = text(self._sysfs / "offset")
        return int(told) if told.lstrip("-").isdigit() else None

    @property
    def trim_spec(self) -> TrimSpec | None:
        """Of the chip's register behind the driver's `offset`; None where the driver has no such door."""
        ppb = self.offset_ppb()
        return None if ppb is None else door(self.name, ppb)

    def read_trim(self) -> int | None:
        spec = self.trim_spec
        return None if spec is None else round((self.offset_ppb() or 0) / (spec.ppm_per_step * 1000))

    # ---- writing ----

    def write_trim(self, value: int) -> None:
        """Through `offset` in sysfs. The driver chooses the nearest value that the chip has."""
        spec = self.trim_spec
        if spec is None:
            raise RtcRefused(f"{self.node}: the kernel's driver of the {self.name} offers no trim (no `offset` in sysfs).")
        self._check_trim(value)
        try:
            (self._sysfs / "offset").write_text(f"{round(value * spec.ppm_per_step * 1000)}\n")
        except PermissionError as error:
            raise DeviceForbidden(f"{self._sysfs}/offset: permission denied, writing it is root's: sudo.") from error
        except OSError as error:
            raise RtcRefused(f"{self.node}: the driver refused {value} ({error.strerror}).") from error
        if (got := self.read_trim()) != value:
            raise RtcRefused(f"{self.node}: the {self.name} did not take {value} in its trim register: it holds {got}.")

    def write_time(self, second: UtcTime) -> Written:
        """RTC_SET_TIME (needs CAP_SYS_TIME). What it does to the divider is the driver's business: measure it."""
        if second.ns_of_day % NS or second.ns_of_day >= 86_400 * NS:
            raise UsageError(f"{second.iso(9)}: an RTC is set to a whole second of a day of 86400")
        year, month, day = (int(part) for part in second.iso()[:10].split("-"))
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise UsageError(f"{second.iso()}: an RTC shows the years {FIRST_YEAR} to {LAST_YEAR} only")
        clock = second.ns_of_day // NS
        fields = (clock % 60, clock // 60 % 60, clock // 3600, day, month - 1, year - 1900, 0, 0, 0)
        before = self._time.now()
        self._call(RTC_SET_TIME, bytearray(_TM.pack(*fields)))
        return Written(before, self._time.now())

    def square_wave(self, on: bool) -> None:
        raise RtcRefused(f"{self.node}: the kernel's driver of the {self.name} gives no way to its clock output.")

    def close(self) -> None:
        """Nothing is held between two calls: while /dev/rtcN is open, nobody else can open it."""

    # ---- the doors ----

    def _shown(self) -> tuple[RawNs, UtcTime | None, RawNs]:
        """(before, time, after); None where the driver says that the chip holds none."""
        raw = bytearray(_TM.size)
        before = self._time.now()
        try:
            self._call(RTC_RD_TIME, raw)
        except (DeviceForbidden, DeviceBusy, DeviceMissing):
            return self._from_sysfs()
        except RtcUnavailable as error:
            if error.errno != errno.EINVAL:
                raise
            self._state = "OK"
            return before, None, self._time.now()
        after = self._time.now()
        second, minute, hour, day, month, year, *_ = _TM.unpack(raw)
        try:
            return before, UtcTime.civil(year + 1900, month + 1, day, hour, minute, second), after
        except (ValueError, OverflowError):
            return before, None, after

    def _from_sysfs(self) -> tuple[RawNs, UtcTime | None, RawNs]:
        before = self._time.now()
        try:
            told = (self._sysfs / "since_epoch").read_bytes().strip()
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise self._unavailable(error) from error
            told = b""
        after = self._time.now()
        self._state = "OK"
        return before, UtcTime.from_unix(UnixNs(int(told) * NS)) if told.isdigit() else None, after

    def _voltage(self) -> int | None:
        """The bits of RTC_VL_READ; None where the driver does not know it, or nobody may ask."""
        raw = bytearray(4)
        try:
            self._call(RTC_VL_READ, raw)
        except (DeviceForbidden, DeviceBusy, DeviceMissing, RtcUnavailable):
            self._state = "OK"
            return None
        return int.from_bytes(raw, "little")

    def _call(self, request: int, raw: bytearray) -> None:
        """Open, ask, close."""
        try:
            fd = self._open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except PermissionError as error:
            raise DeviceForbidden(forbidden(self.node)) from error
        except FileNotFoundError as error:
            raise DeviceMissing(f"{self.node} is not there.") from error
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise DeviceBusy(f"{self.node} is open in another program (chronyd's rtcfile, hwclock): one at a time.") from error
            raise DeviceMissing(f"{self.node} can't be opened ({error.strerror}).") from error
        try:
            self._ioctl(fd, request, raw)
        except PermissionError as error:
            raise DeviceForbidden(f"{self.node}: setting it needs CAP_SYS_TIME: sudo.") from error
        except OSError as error:
            raise self._unavailable(error) from error
        finally:
            self._close(fd)
        self._state = "OK"

    def _unavailable(self, error: OSError) -> RtcUnavailable:
        self._state = "UNAVAILABLE"
        if not self._sysfs.is_dir():
            return RtcUnavailable(f"{self.node} is gone: {self.driver} let go of the {self.name}.", error.errno)
        told = os.strerror(error.errno or 0)
        return RtcUnavailable(f"{self.node}: {self.driver} answers errno {error.errno}: {told}.", error.errno)
