"""A made-up /sys/class/rtc and /dev/rtcN: the files of a Pi with an RTC overlay, and what its driver answers.

Follows drivers/rtc of the kernel: /dev/rtcN is opened by one at a time and by root only, RTC_RD_TIME gives EINVAL where the driver
distrusts the chip, RTC_VL_READ is unknown to most drivers, `offset` is there only where the driver can trim.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
from pathlib import Path

from register_bus import Clock

from gpstime.drivers.rtc import KernelRtc
from gpstime.times import NS, UtcTime

RD_TIME, SET_TIME, VL_READ = 0x80247009, 0x4024700A, 0x80047013
"""As <linux/rtc.h> makes them: read 36 bytes, write 36 bytes, read an unsigned int."""


def held_tree(root: Path) -> Path:
    """sysfs of a Pi with dtoverlay=i2c-rtc,ds3231."""
    device = root / "sys/bus/i2c/devices/1-0068"
    (device / "rtc/rtc0").mkdir(parents=True)
    (device / "name").write_text("ds3231\n")
    driver = root / "sys/bus/i2c/drivers/rtc-ds1307"
    driver.mkdir(parents=True)
    (device / "driver").symlink_to(driver)
    adapter = root / "sys/bus/i2c/devices/i2c-1/of_node"
    adapter.mkdir(parents=True)
    (adapter / "clock-frequency").write_bytes((400_000).to_bytes(4, "big"))
    return root


class FakeKernelRtc:
    """`errno`: what the driver answers to RTC_RD_TIME instead of a time; `voltage`: None where it does not know RTC_VL_READ."""

    def __init__(self, root: Path, chip: str = "ds3231", driver: str = "rtc-ds1307", node: str = "rtc0") -> None:
        self.root, self.node, self.time = root, node, Clock(50_000)
        self.shown = UtcTime.civil(2026, 11, 24, 12, 34, 56)
        self.errno = 0
        self.voltage: int | None = None
        self.root_only = self.busy = self.unbound = False
        self.set_allowed = True
        self.opened: list[int] = []
        self.closed: list[int] = []
        self.asked: list[int] = []
        self.sysfs = root / "sys/class/rtc" / node
        device = root / "sys/devices/platform/soc/i2c-1/1-0068"
        device.mkdir(parents=True)
        self.sysfs.mkdir(parents=True)
        (self.sysfs / "device").symlink_to(device)
        self.device = device
        (self.sysfs / "name").write_text(f"{driver} 1-0068\n")
        (device / "name").write_text(f"{chip}\n")
        self.since_epoch()

    def since_epoch(self) -> None:
        (self.sysfs / "since_epoch").write_text(f"{self.shown.unix // NS}\n")

    def hwmon(self, millicelsius: int) -> None:
        place = self.device / "hwmon/hwmon1"
        place.mkdir(parents=True)
        (place / "temp1_input").write_text(f"{millicelsius}\n")

    def offset(self, ppb: int) -> None:
        (self.sysfs / "offset").write_text(f"{ppb}\n")

    def unbind(self) -> None:
        """The driver lets go of the chip, as at rmmod or `delete_device`: node and files are gone."""
        shutil.rmtree(self.sysfs)
        self.unbound = True

    def opens(self) -> KernelRtc:
        return KernelRtc(
            f"/dev/{self.node}",
            time=self.time,
            root=self.root,
            open_node=self._open,
            close_node=self.closed.append,
            ioctl=self._ioctl,
        )

    def _open(self, path: str, flags: int) -> int:
        assert path == str(self.root / "dev" / self.node)
        assert flags & os.O_ACCMODE == os.O_RDONLY
        if self.unbound:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        if self.root_only:
            raise PermissionError(errno.EACCES, "Permission denied")
        if self.busy:
            raise OSError(errno.EBUSY, "Device or resource busy")
        self.opened.append(len(self.opened) + 3)
        return self.opened[-1]

    def _ioctl(self, fd: int, request: int, raw: bytearray) -> int:
        assert fd == self.opened[-1]
        assert fd not in self.closed
        self.asked.append(request)
        if request == RD_TIME:
            if self.errno:
                raise OSError(self.errno, "")
            clock = self.shown.ns_of_day // NS
            year, month, day = (int(part) for part in self.shown.iso()[:10].split("-"))
            struct.pack_into("@9i", raw, 0, clock % 60, clock // 60 % 60, clock // 3600, day, month - 1, year - 1900, 2, 327, 0)
        elif request == SET_TIME:
            if not self.set_allowed:
                raise PermissionError(errno.EACCES, "Permission denied")
            second, minute, hour, day, month, year, *_ = struct.unpack("@9i", raw)
            self.shown = UtcTime.civil(year + 1900, month + 1, day, hour, minute, second)
            self.errno = 0
        elif request == VL_READ and self.voltage is not None:
            struct.pack_into("@I", raw, 0, self.voltage)
        else:
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")
        return 0
