"""One device on an I2C bus: transfers with bounded retries, the time that each took, and what to say when nobody answers (P26).

Times are of the raw clock. A chip that latches its clock does so at a START, before the first data byte: so what a read gives held
somewhere between the call and the call's end less the time of the data bytes, which only a known bus speed makes short.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from gpstime.errors import DeviceForbidden, DeviceMissing, RtcHeld, RtcUnavailable
from gpstime.ports import I2cBus, Timebase
from gpstime.times import NS, RawNs

T = TypeVar("T")
State = Literal["OK", "UNAVAILABLE", "HELD"]

ATTEMPTS, FIRST_PAUSE_S, PAUSE_GROWS = 5, 0.002, 4
"""Pauses of 2, 8, 32 and 128 ms, each with up to half of itself added: a burst of errors is outlived, a dead bus costs 0.3 s."""
FASTEST_HZ = 1_000_000
"""The fastest bus that any of these chips takes (PCF8523, Fast-mode Plus): assumed where the speed is not known."""

_NO_ACKNOWLEDGE = (errno.EREMOTEIO, errno.ENXIO, errno.ENODEV)
_HINTS = {
    errno.ETIMEDOUT: "the bus hangs: a slow chip stretches the clock (try dtparam=i2c_arm_baudrate=10000), SDA or SCL is held low, "
    "a pull-up to 3.3 V is missing, or the supply is weak",
    errno.EIO: "transfers break off: look at the supply (3.3 V), the wires' length and pull-ups, and for a second master",
    errno.EAGAIN: "another master wins the bus: there must be only one",
}
_NOBODY = (
    "nobody acknowledges: look at the wiring (SDA GPIO2, SCL GPIO3, ground), the supply (3.3 V), the bus number "
    "(i2cdetect -y {bus}) and the address; at boot it may only be too early"
)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Registers from `first` on, which held what they say somewhere between `before` and `after`."""

    before: RawNs
    after: RawNs
    first: int
    values: tuple[int, ...]

    def __getitem__(self, register: int) -> int:
        return self.values[register - self.first]

    @property
    def registers(self) -> dict[int, int]:
        return {self.first + i: value for i, value in enumerate(self.values)}


@dataclass(frozen=True, slots=True)
class Written:
    """A write that took effect somewhere between `before` and `after`."""

    before: RawNs
    after: RawNs


class Wire:
    """`held` says which driver of the kernel has the address: (driver, node), both empty where none has.

    `state` is that of the last transfer. `failures` counts transfers that failed, `retried` those that worked after all.
    """

    def __init__(
        self,
        bus: I2cBus,
        address: int,
        *,
        time: Timebase,
        name: str = "the device",
        bus_name: str = "the bus",
        baud_hz: int | None = None,
        held: Callable[[], tuple[str, str]] = lambda: ("", ""),
    ) -> None:
        self.address, self.name, self.bus_name = address, name, bus_name
        self.state: State = "OK"
        self.failures = self.retried = 0
        self.time = time
        self._bus, self._held = bus, held
        self._byte_ns = 9 * NS // (baud_hz or FASTEST_HZ)

    @property
    def where(self) -> str:
        """ "ds3231 at 0x68 on /dev/i2c-1"."""
        return f"{self.name} at 0x{self.address:02x} on {self.bus_name}"

    def read(self, first: int, length: int, *, last: bool = False) -> Transfer:
        """`length` registers in one block transfer. `last`: the instant that counts is that of the last byte (nothing latches)."""

        def attempt() -> tuple[int, ...]:
            values = tuple(self._bus.read_i2c_block_data(self.address, first, length))
            if len(values) != length or not all(0 <= value <= 0xFF for value in values):
                raise OSError(errno.EIO, f"{len(values)} of {length} bytes")
            return values

        before, after, values = self._tried(attempt)
        if last:  # the address, the register, the address again, and the other bytes went before it
            return Transfer(RawNs(min(after, before + (length + 2) * self._byte_ns)), after, first, values)
        return Transfer(before, self._less(before, after, length), first, values)

    def read_byte(self, register: int) -> Transfer:
        """One register in the shortest transfer there is."""
        before, after, value = self._tried(lambda: self._bus.read_byte_data(self.address, register))
        return Transfer(before, self._less(before, after, 1), register, (value & 0xFF,))

    def write(self, first: int, values: Sequence[int]) -> Written:
        """Registers from `first` on in one transfer; the interval is that of the first of them.

        smbus2 asks the kernel for the address once only: a driver that came to it since then is looked for here.
        """
        driver, node = self._held()
        if driver:
            self.state = "HELD"
            raise RtcHeld(self._held_sentence(driver, node), node)

        def attempt() -> None:
            if len(values) == 1:
                self._bus.write_byte_data(self.address, first, values[0])
            else:
                self._bus.write_i2c_block_data(self.address, first, list(values))

        before, after, _ = self._tried(attempt)
        return Written(before, self._less(before, after, len(values) - 1))

    def close(self) -> None:
        self._bus.close()

    def _less(self, before: RawNs, after: RawNs, data_bytes: int) -> RawNs:
        """The end of the call without the time that these bytes took at least."""
        return RawNs(max(before, after - data_bytes * self._byte_ns))

    def _tried(self, attempt: Callable[[], T]) -> tuple[RawNs, RawNs, T]:
        """(before, after, result) of the first attempt that works; a device that did not answer last time gets one only."""
        attempts = 1 if self.state == "UNAVAILABLE" else ATTEMPTS
        pause_s = FIRST_PAUSE_S
        for left in range(attempts - 1, -1, -1):
            before = self.time.now()
            try:
                result = attempt()
            except OSError as error:
                self.failures += 1
                self._give_up_on(error)
                if not left:
                    self.state = "UNAVAILABLE"
                    raise RtcUnavailable(self._sentence(error, attempts), error.errno) from error
            else:
                after = self.time.now()
                self.retried += left < attempts - 1
                self.state = "OK"
                return before, after, result
            # the clock's own last digits are the jitter: two programs that collide on a bus must not do so again
            self.time.sleep(pause_s * (1 + self.time.now() % 1000 / 2000))
            pause_s *= PAUSE_GROWS
        raise AssertionError("the last attempt returns or raises")

    def _give_up_on(self, error: OSError) -> None:
        """Raise at once what no repetition cures."""
        if error.errno == errno.EBUSY:
            self.state = "HELD"
            driver, node = self._held()
            raise RtcHeld(self._held_sentence(driver, node), node) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise DeviceForbidden(
                f"{self.bus_name}: permission denied. Join its group: sudo usermod -aG i2c $USER, log in again."
            ) from error
        if error.errno == errno.EBADF:
            raise DeviceMissing(f"{self.bus_name} is closed.") from error

    def _sentence(self, error: OSError, attempts: int) -> str:
        number = error.errno or 0
        if not number and isinstance(error, TimeoutError):
            number = errno.ETIMEDOUT
        bus = self.bus_name.rpartition("-")[2] if self.bus_name.rpartition("-")[2].isdigit() else "1"
        hint = _NOBODY.format(bus=bus) if number in _NO_ACKNOWLEDGE else _HINTS.get(number, "look at the wiring and the supply")
        times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        told = f"errno {number}: {os.strerror(number)}" if number else repr(error)
        return f"{self.where} is UNAVAILABLE ({times}, {told}): {hint}."

    def _held_sentence(self, driver: str, node: str) -> str:
        bus = self.bus_name.rpartition("-")[2]
        device = f"{bus}-{self.address:04x}" if bus.isdigit() else f"BUS-{self.address:04x}"
        who = f"the kernel's driver {driver}" if driver else "a driver of the kernel"
        through = (
            f"Read it through the kernel (chip = \"kernel\" under [rtc], gpstime.open_kernel_rtc('{node}'))"
            if node
            else "There is no /dev/rtc of it"
        )
        place = f"/sys/bus/i2c/drivers/{driver or 'DRIVER'}"
        where = f" as {node}" if node else ""
        return (
            f"{self.where}: busy, {who} holds the address{where}, and gpstime does not force its way past it. "
            f"{through}; or take the driver off: remove dtoverlay=i2c-rtc,... from config.txt and restart, or for a moment "
            f"echo {device} | sudo tee {place}/unbind, and afterwards the same into {place}/bind."
        )
