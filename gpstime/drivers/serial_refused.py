"""Why a port can't be opened, from the system's error to a sentence with a remedy (P5, P8, P13)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from gpstime.drivers.holders import PROC, holders
from gpstime.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing


def refused(device: str, error: BaseException, proc: Path = PROC) -> DeviceError:
    """The error to raise for a port that the system did not open."""
    code = getattr(error, "errno", None) or (error.args[0] if error.args and isinstance(error.args[0], int) else None)
    if code in (errno.EACCES, errno.EPERM):
        return DeviceForbidden(
            f"{device}: permission denied. Join the group that owns it: sudo usermod -aG dialout $USER, then log in again."
        )
    if code in (errno.EAGAIN, errno.EBUSY):
        found = holders(device, proc)
        who = found[0].sentence() if found else f"{device} is locked by another process: stop it (as root, fuser -v names it)."
        return DeviceBusy(who)
    if "://" in device:
        return DeviceMissing(f"{device}: no connection ({error}). Is the sender running?")
    if not os.path.exists(device):
        return DeviceMissing(f"{device} is not there. Is the receiver plugged in, and the UART enabled in config.txt?")
    return DeviceMissing(f"{device} can't be opened as a serial port ({error}).")
