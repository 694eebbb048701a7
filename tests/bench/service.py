"""The service as `gpstime run` makes it, but for the pulse device, which no PC has: its fetch call waits for the next whole second.

Run by bench_daemon.py with a configuration file and a folder; nothing is imported here that the service would not import.
"""

from __future__ import annotations

import argparse  # noqa: F401 - the command line's, which the real service has loaded too
import errno
import os
import struct
import sys
import time
from pathlib import Path

import gpstime.cli  # noqa: F401
from gpstime.app.catalogue import fit
from gpstime.app.config import load
from gpstime.app.daemon import serve
from gpstime.app.live import LiveTime
from gpstime.drivers.leap_files import load as load_leaps
from gpstime.drivers.pps_choice import Doors
from gpstime.drivers.pps_kernel import PPS_FETCH, PPS_GETPARAMS
from gpstime.drivers.timebase import MachineTime

SEQ = [0, 0]


def ioctl(fd: int, request: int, raw: bytearray) -> int:
    if request == PPS_GETPARAMS:
        struct.pack_into("@ii", raw, 0, 1, 1)
        return 0
    assert request == PPS_FETCH
    *_, seconds, nanoseconds, _ = struct.unpack("@IIqiIqiIiqiI", raw)
    patience = seconds + nanoseconds / 1e9
    now = time.time_ns()
    if patience > 0:
        left = 1 - now % 10**9 / 1e9
        time.sleep(min(left, patience))
        if left > patience:
            raise OSError(errno.ETIMEDOUT, "Connection timed out")
    second = time.time_ns() // 10**9
    if SEQ[1] != second:
        SEQ[:] = [SEQ[0] + 1, second]
    struct.pack_into("@IIqiI", raw, 0, SEQ[0], 0, second, 2000, 0)
    return 0


def main() -> int:
    config_file, folder = sys.argv[1:]
    sysfs = Path(folder) / "pps"
    (sysfs / "pps0").mkdir(parents=True)
    (sysfs / "pps0" / "name").write_text("pps@12.-1\n")
    config = load(config_file)
    live = LiveTime(MachineTime())

    doors = Doors(sysfs=sysfs, open_node=lambda *_: os.open("/dev/null", os.O_RDONLY), ioctl=ioctl)
    return serve(config, fit(config, live, doors=doors), load_leaps(), live, os.environ)


if __name__ == "__main__":
    sys.exit(main())
