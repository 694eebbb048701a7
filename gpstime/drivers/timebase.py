"""The machine's own time for a driver's stamps and retries; tests and simulations bring another `ports.Timebase`."""

from __future__ import annotations

import time

from gpstime.times import RawNs


class MachineTime:
    """Fits `ports.Timebase`: the raw clock, and a sleep that really takes place."""

    def now(self) -> RawNs:
        """CLOCK_MONOTONIC_RAW."""
        return RawNs(time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW))

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
