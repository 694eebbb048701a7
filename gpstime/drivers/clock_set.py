"""Setting the system clock, once. Nothing calls this but `gpstime rtc boot --apply`; who steers it is `kernel_clock`."""

from __future__ import annotations

import time

from gpstime.errors import DeviceError, DeviceForbidden
from gpstime.times import RawNs, UnixNs


class MachineClock:
    """CLOCK_REALTIME through clock_settime."""

    def set(self, unix: UnixNs, at: RawNs) -> None:
        """Such that it showed `unix` at the raw instant `at`. DeviceForbidden without the right to it, DeviceError if refused."""
        try:
            late = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - at
            time.clock_settime_ns(time.CLOCK_REALTIME, unix + late)
        except PermissionError:
            raise DeviceForbidden(
                "setting the system clock takes CAP_SYS_TIME: run with sudo, or give the unit AmbientCapabilities=CAP_SYS_TIME"
            ) from None
        except OSError as e:
            raise DeviceError(f"the kernel refuses to set the clock to that ({e.strerror or e})") from None
