"""A made-up I2C bus with smbus2's methods: what a driver does with it takes as long as on a wire, and fails as on a wire.

Time is a clock that nobody but the bus, `sleep` and the test moves.  The raw clock is the Pi's crystal; chips live in true time and
tick at their own rate, and `BusTime` tells how the two belong together.  One byte takes nine bit times (eight and the acknowledge).
An address that a kernel driver holds (`hold`) gives EBUSY from `ioctl(I2C_SLAVE)`, before anything happens on the wire, but not
from I2C_RDWR (`i2c_rdwr`), where the kernel does not look.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gpstime.sim.bus_time import BusTime
from gpstime.sim.i2c_faults import BUSY, IO, PATIENCE_S, REMOTE_IO, TIMED_OUT, WireFaults, failure
from gpstime.times import NS, RawNs

BLOCK = 32
"""Most bytes of an SMBus block."""
_LOGGED = 100_000


class WireDevice(Protocol):
    """A device as the wire sees it; instants are true ns."""

    def begin(self, at: int, reading: bool) -> bool:
        """START (or repeated START) with this device's address; False: not acknowledged."""
        ...

    def take(self, at: int, value: int) -> bool:
        """A byte written, at its acknowledge; False: not acknowledged."""
        ...

    def give(self, at: int) -> int:
        """A byte read, as the device has it when it begins to shift it out."""
        ...

    def end(self, at: int) -> None:
        """STOP."""
        ...


@dataclass(frozen=True, slots=True)
class Transfer:
    """What went over the wire: at which raw instant, to whom, bytes written (the register first), bytes read, errno or 0."""

    at: RawNs
    address: int
    wrote: bytes
    read: bytes
    errno: int


@dataclass(slots=True)
class _Message:
    address: int
    wrote: bytes
    length: int = 0
    """Bytes to read; 0: a write."""


class FakeI2cBus:
    """Fits `ports.I2cBus`. `devices`: address -> chip; more with `plug`, fewer with `unplug`.

    `overhead_ns`: what program and kernel need before START, and again after STOP.  For the other options and for faults on
    demand (`bus.faults.fail(3)`) see `WireFaults`.
    """

    def __init__(
        self,
        time: BusTime,
        devices: Mapping[int, WireDevice] | None = None,
        *,
        baud: int = 100_000,
        overhead_ns: int = 30_000,
        seed: int = 0,
        error_rate: float = 0.0,
        errnos: tuple[int, ...] = (REMOTE_IO, TIMED_OUT, IO),
        burst: int = 1,
        stall_rate: float = 0.0,
        stall_s: float = 0.3,
    ) -> None:
        self.time, self.baud, self.overhead_ns = time, baud, overhead_ns
        self.faults = WireFaults(seed, error_rate, errnos, burst, stall_rate, stall_s)
        self.devices: dict[int, WireDevice] = {}
        self.log: list[Transfer] = []
        """The transfers so far, also those that failed; of a long run the later ones (at least 50 000)."""
        self.transfers = 0
        self.closed = False
        self._held: set[int] = set()
        for address, device in (devices or {}).items():
            self.plug(address, device)

    # ---- wiring ---------------------------------------------------------------------------------------------------------------

    def plug(self, address: int, device: WireDevice) -> None:
        assert 0x08 <= address <= 0x77, "a reserved address"
        self.devices[address] = device

    def unplug(self, address: int) -> None:
        del self.devices[address]

    def hold(self, address: int) -> None:
        """A kernel driver is bound to this address (i2cdetect: UU)."""
        self._held.add(address)

    def let_go(self, address: int) -> None:
        self._held.discard(address)

    @property
    def written(self) -> list[Transfer]:
        """The transfers that wrote more than the register's number."""
        return [t for t in self.log if len(t.wrote) > 1]

    # ---- smbus2's methods -----------------------------------------------------------------------------------------------------

    def read_byte(self, i2c_addr: int, force: bool | None = None) -> int:
        """From where the device's pointer stands."""
        return self._smbus(i2c_addr, force, b"", 1)[0]

    def write_byte(self, i2c_addr: int, value: int, force: bool | None = None) -> None:
        self._smbus(i2c_addr, force, bytes([value]), 0)

    def write_quick(self, i2c_addr: int, force: bool | None = None) -> None:
        """The address alone: is anybody there?"""
        self._smbus(i2c_addr, force, b"", 0)

    def read_byte_data(self, i2c_addr: int, register: int, force: bool | None = None) -> int:
        return self._smbus(i2c_addr, force, bytes([register]), 1)[0]

    def write_byte_data(self, i2c_addr: int, register: int, value: int, force: bool | None = None) -> None:
        self._smbus(i2c_addr, force, bytes([register, value]), 0)

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int, force: bool | None = None) -> list[int]:
        if length > BLOCK:
            raise ValueError(f"Desired block length over {BLOCK} bytes")
        return self._smbus(i2c_addr, force, bytes([register]), length)

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Iterable[int], force: bool | None = None) -> None:
        body = bytes(data)
        if len(body) > BLOCK:
            raise ValueError(f"Data length cannot exceed {BLOCK} bytes")
        self._smbus(i2c_addr, force, bytes([register]) + body, 0)

    def i2c_rdwr(self, *i2c_msgs: Any) -> None:
        """Several messages with repeated STARTs between them: smbus2's `i2c_msg`, or any object with addr, flags, len and buf."""
        reading = [bool(m.flags & 1) for m in i2c_msgs]
        messages = [
            _Message(m.addr, b"", m.len) if r else _Message(m.addr, bytes(list(m))) for m, r in zip(i2c_msgs, reading, strict=True)
        ]
        got = iter(self._transfer(messages))
        for m, r in zip(i2c_msgs, reading, strict=True):
            for i in range(m.len if r else 0):
                m.buf[i] = next(got)

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> FakeI2cBus:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- the wire -------------------------------------------------------------------------------------------------------------

    def _smbus(self, address: int, force: bool | None, wrote: bytes, length: int) -> list[int]:
        if address in self._held and not force:
            raise failure(BUSY)
        messages = [_Message(address, wrote)] if wrote or not length else []
        if length:
            messages.append(_Message(address, b"", length))
        return self._transfer(messages)

    def _transfer(self, messages: list[_Message]) -> list[int]:
        if self.closed:
            raise failure(errno.EBADF)
        began, address = self.time.now(), messages[0].address
        assert all(m.address == address for m in messages), "one device at a time"
        wire = _Wire(self, address, sum(1 + len(m.wrote) + m.length for m in messages))
        try:
            for message in messages:
                wire.send(message)
        finally:
            ended = wire.stop()
            self.time.run_to(ended + self.overhead_ns)
            if len(self.log) >= _LOGGED:
                del self.log[: _LOGGED // 2]
            self.log.append(Transfer(began, address, bytes(wire.wrote), bytes(wire.got), wire.code))
            self.transfers += 1
        return wire.got


class _Wire:
    """One transfer, from START to STOP."""

    def __init__(self, bus: FakeI2cBus, address: int, length: int) -> None:
        now = bus.time.now()
        self._time, self._device = bus.time, bus.devices.get(address)
        self._code, self._left, late = bus.faults.next(now, length)
        self._raw, self._bit = now + bus.overhead_ns + late + 0.0, NS / bus.baud
        self.code = 0
        self.wrote, self.got = bytearray(), list[int]()

    @property
    def _true(self) -> int:
        return self._time.true_ns(round(self._raw))

    def _fail(self, code: int) -> OSError:
        self.code = code
        return failure(code)

    def _byte(self) -> None:
        self._raw += 9 * self._bit
        if self._code and not self._left:
            raise self._fail(self._code)
        self._left -= 1

    def send(self, message: _Message) -> None:
        """OSError as the kernel gives it; bytes before the failing one have been taken."""
        start = self._true
        self._byte()
        if self._device is None or not self._device.begin(start, message.length > 0):
            raise self._fail(REMOTE_IO)
        for value in message.wrote:
            self._byte()
            if not self._device.take(self._true, value):
                raise self._fail(REMOTE_IO)
            self.wrote.append(value)
        for _ in range(message.length):
            given = self._device.give(self._true)
            self._byte()
            self.got.append(given)
        self._raw += self._bit  # before a repeated START, or the STOP

    def stop(self) -> int:
        """The raw instant at which the bus is free."""
        if self._device is not None:
            self._device.end(self._true)
        return round(self._raw + (PATIENCE_S * NS if self.code == TIMED_OUT else 0))
