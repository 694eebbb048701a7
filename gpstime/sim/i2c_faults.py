"""What goes wrong on an I2C bus (F-R11, F-R16): random errors, bursts, a bus that is down, clocks that are stretched.

Which errors come when, as the kernel's drivers have it: nobody acknowledges: EREMOTEIO (121), at once; a line held down or a clock
stretched beyond the adapter's patience: ETIMEDOUT (110), after that patience (one second); arbitration lost, or a controller at a
loss: EIO (5); an address that a kernel driver holds: EBUSY (16).
"""

from __future__ import annotations

import errno

from gpstime.sim.streams import stream
from gpstime.times import NS

REMOTE_IO, TIMED_OUT, IO, BUSY = errno.EREMOTEIO, errno.ETIMEDOUT, errno.EIO, errno.EBUSY
_WORDS = {
    REMOTE_IO: "Remote I/O error",
    TIMED_OUT: "Connection timed out",
    IO: "Input/output error",
    BUSY: "Device or resource busy",
    errno.EBADF: "Bad file descriptor",
}
PATIENCE_S = 1.0
"""How long the adapter waits for a line that does not come free."""


def failure(code: int) -> OSError:
    """As Linux says it, also where the tests run on something else."""
    return OSError(code, _WORDS.get(code, "I2C error"))


class WireFaults:
    """`error_rate`: share of transfers that fail at random with one of `errnos`, `burst` in a row; the byte at which one breaks off
    is random too (a write may have been half done).  `stall_rate`: share of transfers that take `stall_s` longer.
    """

    def __init__(
        self, seed: int, error_rate: float, errnos: tuple[int, ...], burst: int, stall_rate: float, stall_s: float
    ) -> None:
        self.error_rate, self.errnos, self.burst = error_rate, errnos, burst
        self.stall_rate, self.stall_s = stall_rate, stall_s
        self._errors, self._slow = stream(seed, "i2c/errors"), stream(seed, "i2c/stalls")
        self._failing: list[int] = []
        self._broken: int | None = None
        self._well_at: int | None = None
        self._stalls: list[float] = []

    def fail(self, times: int, code: int = REMOTE_IO) -> None:
        """The next transfers fail, at their first byte."""
        self._failing += [code] * times

    def break_down(self, code: int = REMOTE_IO, until_ns: int | None = None) -> None:
        """From now on every transfer fails: until this raw instant, or until `repair`."""
        self._broken, self._well_at = code, until_ns

    def repair(self) -> None:
        self._broken, self._failing = None, []

    def stall(self, seconds: float = 0.3) -> None:
        """The next transfer's clock is stretched by so much in its first byte; beyond the adapter's patience it fails."""
        self._stalls.append(seconds)

    def next(self, now: int, length: int) -> tuple[int, int, int]:
        """Of a transfer of so many bytes: (errno or 0, the byte at which it fails, ns by which it is late)."""
        late = 0
        if self.stall_rate and self._slow.random() < self.stall_rate:
            self._stalls.append(self.stall_s)
        if self._stalls:
            stalled = self._stalls.pop(0)
            if stalled > PATIENCE_S:
                return TIMED_OUT, 0, 0
            late = round(stalled * NS)
        if self._broken is not None and self._well_at is not None and now >= self._well_at:
            self._broken = None
        if self._broken is not None:
            return self._broken, 0, late
        if self._failing:
            return self._failing.pop(0), 0, late
        if self.error_rate and self._errors.random() < self.error_rate:
            code = self._errors.choice(self.errnos)
            self._failing += [code] * (self.burst - 1)
            return code, self._errors.randrange(length), late
        return 0, length, late
