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


class CaptureUnreadable(CaptureError, OSError):
    """A capture that can't be opened or read: missing, a folder, forbidden, a failing disk."""
