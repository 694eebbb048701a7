"""The set-up is wrong: one short tree of exceptions, each also a builtin, each naming the thing and the remedy.

The world misbehaving (a bad byte, a missing pulse, a lost device) is never an exception here but a value in `model`.
"""

from __future__ import annotations


class GpstimeError(Exception):
    """Base of all errors that gpstime raises on purpose. The message names the thing and the remedy."""


class UsageError(GpstimeError, ValueError):
    """An option or a configuration that makes no sense."""


class CaptureError(GpstimeError, ValueError):
    """A file that is no open capture at all (a damaged one is read as far as it goes, and what was skipped is counted)."""


class DeviceError(GpstimeError):
    """A device that is missing, busy or forbidden."""


class DeviceMissing(DeviceError, FileNotFoundError):
    """A device that is not there."""


class DeviceBusy(DeviceError):
    """A device that somebody else holds; the message names who."""


class DeviceForbidden(DeviceError, PermissionError):
    """A device that this user may not open; the message names the group or right that is missing."""


class RtcUnavailable(DeviceError, OSError):
    """An RTC that does not answer, after a bounded number of attempts. `errno` is the last error's."""

    def __init__(self, message: str, number: int | None = None) -> None:
        super().__init__(message)
        self.errno = number


class RtcHeld(DeviceBusy, OSError):
    """An RTC whose address the kernel's driver holds (EBUSY); `node` is the kernel's device, "" where there is none."""

    def __init__(self, message: str, node: str = "") -> None:
        super().__init__(message)
        self.errno = 16
        self.node = node


class RtcRefused(DeviceError):
    """An RTC that did not take what was written, or can't do what was asked."""


class CaptureUnreadable(CaptureError, OSError):
    """A capture that can't be opened or read: missing, a folder, forbidden, a failing disk."""
