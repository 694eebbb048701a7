"""Opening a device that may not be there: again and again, ever more rarely, never longer than the caller has time."""

from __future__ import annotations

from collections.abc import Callable

from gpstime.errors import DeviceError, DeviceMissing
from gpstime.ports import Timebase
from gpstime.times import NS, RawNs

FIRST_RETRY_S, LAST_RETRY_S = 0.25, 5.0
"""The pause between two attempts: doubled from the first to the last."""


class Retry:
    """`was_open`: the device has been there before."""

    def __init__(self, time: Timebase) -> None:
        self._time = time
        self.was_open = False
        self._pause_s, self._at = FIRST_RETRY_S, time.now()
        self._error: DeviceError = DeviceMissing("the device was not opened yet")

    def opened(self) -> None:
        """It is there: the next loss is followed by short pauses again."""
        self.was_open = True
        self._pause_s = FIRST_RETRY_S

    def failed(self, error: DeviceError) -> None:
        """It is not to be had: the next attempt is for later, and ever later."""
        self._error = error
        self._at = RawNs(self._time.now() + round(self._pause_s * NS))
        self._pause_s = min(2 * self._pause_s, LAST_RETRY_S)

    def open(self, attempt: Callable[[], None], timeout_s: float) -> None:
        """Succeed with `attempt` within `timeout_s`, or raise why not: its own error at first, DeviceMissing once it was open."""
        end = self._time.now() + round(timeout_s * NS)
        while True:
            now = self._time.now()
            if now >= self._at:
                try:
                    attempt()
                except DeviceError as error:
                    self.failed(error)
                else:
                    return self.opened()
            if now >= end:
                raise DeviceMissing(str(self._error)) if self.was_open else self._error
            self._time.sleep(max(0.001, (min(end, self._at) - now) / NS))
