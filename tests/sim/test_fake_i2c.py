"""The fake bus takes as long as a wire and fails as a wire, on demand and at random with a seed."""

from __future__ import annotations

import contextlib
import errno
from types import SimpleNamespace

import pytest

from gpstime.sim.bus_time import Coupled, VirtualTime
from gpstime.sim.chips_ds3231 import Ds3231
from gpstime.sim.fake_i2c import FakeI2cBus
from gpstime.sim.machine import FakeMachine
from gpstime.times import NS, UtcTime

AT = 0x68
START = UtcTime.civil(2026, 3, 1, 12)


def bus(**options) -> FakeI2cBus:
    return FakeI2cBus(VirtualTime(), {AT: Ds3231(start=START)}, **options)


def code_of(call, *args) -> int:
    with pytest.raises(OSError, match=r"\[Errno \d+\] \w+") as caught:
        call(*args)
    return caught.value.errno


class Msg:
    """As smbus2's i2c_msg, of which the bus uses these parts."""

    def __init__(self, addr: int, body: bytes | int) -> None:
        self.addr = addr
        self.flags = int(isinstance(body, int))
        self.buf = bytearray(body)
        self.len = len(self.buf)

    def __iter__(self):
        return iter(self.buf)


# ---- time ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("baud", "bit_ns"), [(100_000, 10_000), (400_000, 2_500), (10_000, 100_000)])
def test_a_transfer_takes_nine_bits_a_byte(baud: int, bit_ns: int) -> None:
    b = bus(baud=baud, overhead_ns=0)
    began = b.time.at
    b.read_i2c_block_data(AT, 0, 7)
    # address, register, repeated START, address, 7 bytes, STOP
    assert b.time.at - began == (10 * 9 + 2) * bit_ns
    began = b.time.at
    b.write_i2c_block_data(AT, 0x07, [0, 0, 0])
    assert b.time.at - began == (5 * 9 + 1) * bit_ns


def test_the_chip_ticks_in_true_time_and_the_program_sees_raw_time() -> None:
    """A Pi that gains 20 ppm and a chip that loses 3: the raw clock sees the chip lose 23."""
    time = VirtualTime(ppm=20.0)
    chip = Ds3231(ppm=-3.0, start=START)
    b = FakeI2cBus(time, {AT: chip})
    b.read_byte_data(AT, 0)
    raw, chip_ns = time.at, chip.truth_at(time.true_now).elapsed_ns
    time.sleep(86_400)
    b.read_byte_data(AT, 0)
    seen = (chip.truth_at(time.true_now).elapsed_ns - chip_ns) / (time.at - raw) - 1
    assert seen * 1e6 == pytest.approx(-23.0, abs=1e-3)
    assert chip.truth.ppm == -3.0


def test_virtual_time_and_its_true_time_belong_together() -> None:
    time = VirtualTime(ppm=-37.5)
    for true in (0, 1, NS, 86_400 * NS, 10**16 + 7):
        assert time.true_ns(time.raw_at(true)) in (true, true + 1)
    time.run_to_true(5 * NS)
    assert time.true_now == pytest.approx(5 * NS, abs=1)
    time.run_to(0)
    assert time.true_now == pytest.approx(5 * NS, abs=1), "time never goes back"


def test_the_bus_runs_on_a_machine_of_the_simulation() -> None:
    machine = FakeMachine()
    chip = Ds3231(ppm=1.0, start=START)
    b = FakeI2cBus(Coupled(machine, ppm=-5.0), {AT: chip})
    machine.sleep(100.0)
    before = machine.at
    assert b.read_byte_data(AT, 0) == 0x40  # 100 s later: 12:01:40
    assert machine.at > before
    assert b.time.true_ns(machine.at) > machine.at - 1000 * NS, "a clock that loses shows less than has passed"


def test_true_time_may_come_from_anybody() -> None:
    """A simulated world knows its crystal second by second."""
    machine = FakeMachine()
    b = FakeI2cBus(Coupled(machine, true_of=lambda raw: 2 * raw), {AT: Ds3231(start=START, begin_ns=2 * machine.at)})
    machine.sleep(5.0)
    assert b.read_byte_data(AT, 0) == 0x10


# ---- smbus2's manners ------------------------------------------------------------------------------------------------------------


def test_blocks_are_of_32_bytes_at_most() -> None:
    b = bus()
    with pytest.raises(ValueError, match="32"):
        b.read_i2c_block_data(AT, 0, 33)
    with pytest.raises(ValueError, match="32"):
        b.write_i2c_block_data(AT, 0, [0] * 33)
    with pytest.raises(ValueError, match="range"):
        b.write_byte_data(AT, 0, 256)
    assert b.log == []


def test_messages_with_a_repeated_start() -> None:
    b = bus()
    ask, answer = Msg(AT, bytes([0x0E])), Msg(AT, 2)
    b.i2c_rdwr(ask, answer)
    assert bytes(answer.buf) == bytes([0x1C, 0x08])
    b.i2c_rdwr(Msg(AT, bytes([0x0E, 0x18])))
    assert b.read_byte_data(AT, 0x0E) == 0x18
    assert [t.wrote for t in b.written] == [bytes([0x0E, 0x18])]


def test_messages_of_smbus2_itself() -> None:
    smbus2 = pytest.importorskip("smbus2")
    b = bus()
    ask, answer = smbus2.i2c_msg.write(AT, [0x0E]), smbus2.i2c_msg.read(AT, 2)
    b.i2c_rdwr(ask, answer)
    assert list(answer) == [0x1C, 0x08]
    assert set(dir(smbus2.SMBus)) >= {m for m in dir(b) if m.startswith(("read_", "write_", "i2c_"))}


def test_a_closed_bus_says_so() -> None:
    b = bus()
    with b:
        pass
    assert code_of(b.read_byte_data, AT, 0) == errno.EBADF


# ---- faults ----------------------------------------------------------------------------------------------------------------------


def test_nobody_at_the_address() -> None:
    b = bus()
    assert code_of(b.read_byte_data, 0x51, 0) == errno.EREMOTEIO
    b.unplug(AT)
    assert code_of(b.write_quick, AT) == errno.EREMOTEIO


def test_held_by_the_kernel() -> None:
    """F-R12. smbus2's methods ask for the address and are refused; with force and with I2C_RDWR nobody looks."""
    b = bus()
    b.hold(AT)
    for call, args in ((b.read_byte_data, (AT, 0)), (b.write_byte_data, (AT, 0, 0)), (b.write_quick, (AT,))):
        assert code_of(call, *args) == errno.EBUSY
    assert b.log == [], "nothing on the wire"
    assert b.read_byte_data(AT, 0x0E, force=True) == 0x1C
    b.i2c_rdwr(Msg(AT, bytes([0])), Msg(AT, 1))
    b.let_go(AT)
    assert b.read_byte_data(AT, 0x0E) == 0x1C


def test_random_errors_come_at_their_rate_and_by_their_seed() -> None:
    """F-R11: 1 % with all three errors, the same ones with the same seed."""

    def codes(seed: int) -> list[int]:
        b = bus(error_rate=0.01, seed=seed)
        for _ in range(5000):
            with contextlib.suppress(OSError):
                b.read_byte_data(AT, 0)
        return [t.errno for t in b.log]

    one = codes(1)
    failed = [c for c in one if c]
    assert 30 <= len(failed) <= 75  # 50, sigma 7
    assert set(failed) == {errno.EREMOTEIO, errno.ETIMEDOUT, errno.EIO}
    assert codes(1) == one
    assert codes(2) != one


def test_an_error_in_the_middle_leaves_half_a_write_behind() -> None:
    halves = set()
    for seed in range(40):
        b = bus(error_rate=1.0, errnos=(errno.EIO,), seed=seed)
        assert code_of(b.write_i2c_block_data, AT, 0x07, [0x11, 0x12, 0x13]) == errno.EIO
        chip = b.devices[AT]
        assert isinstance(chip, Ds3231)
        halves.add(bytes(chip.file[7:10]))
    assert halves == {bytes([0, 0, 0]), bytes([0x11, 0, 0]), bytes([0x11, 0x12, 0])}


def test_bursts_and_breakdowns() -> None:
    b = bus(error_rate=0.02, burst=20, errnos=(errno.EIO,), seed=3)
    for _ in range(2000):
        with contextlib.suppress(OSError):
            b.read_byte_data(AT, 0)
    lengths, run = [], 0
    for t in b.log:
        run = run + 1 if t.errno else 0
        if not t.errno:
            lengths.append(0)
        else:
            lengths[-1:] = [run]
    assert max(lengths) >= 20
    assert all(n == 0 or n >= 20 for n in lengths[:-1])

    b = bus()
    b.faults.break_down(errno.EREMOTEIO)
    assert [code_of(b.read_byte_data, AT, 0) for _ in range(50)] == [errno.EREMOTEIO] * 50
    b.faults.repair()
    b.read_byte_data(AT, 0)


def test_the_first_probe_fails_and_a_later_one_works() -> None:
    """F-R16: -5 at boot, fine afterwards."""
    b = bus()
    b.faults.break_down(errno.EIO, until_ns=b.time.at + 2 * NS)
    assert code_of(b.read_byte_data, AT, 0) == errno.EIO
    b.time.run_to(b.time.at + 3 * NS)
    assert b.read_byte_data(AT, 0x0E) == 0x1C
    b.faults.fail(2, errno.EREMOTEIO)
    assert [code_of(b.read_byte_data, AT, 0) for _ in range(2)] == [errno.EREMOTEIO] * 2
    assert b.read_byte_data(AT, 0x0E) == 0x1C


def test_a_stall_makes_one_transfer_late_and_a_long_one_makes_it_fail() -> None:
    b = bus(overhead_ns=0)
    b.faults.stall(0.3)
    began = b.time.at
    b.read_byte_data(AT, 0)
    assert b.time.at - began == 300_000_000 + (4 * 9 + 2) * 10_000
    b.faults.stall(5.0)
    began = b.time.at
    assert code_of(b.read_byte_data, AT, 0) == errno.ETIMEDOUT
    assert NS <= b.time.at - began < NS + 1_000_000, "the adapter's patience is one second"


def test_stalls_come_at_their_rate() -> None:
    b = bus(stall_rate=0.1, seed=5)
    late = 0
    for _ in range(500):
        began = b.time.at
        b.read_byte_data(AT, 0)
        late += b.time.at - began > 200_000_000
    assert 25 <= late <= 75


def test_a_device_without_power_does_not_answer() -> None:
    time = VirtualTime()
    chip = Ds3231(start=START)
    b = FakeI2cBus(time, {AT: chip})
    chip.power_cut(time.true_now)
    assert code_of(b.read_byte_data, AT, 0) == errno.EREMOTEIO
    chip.power_back(time.true_now)
    assert b.read_byte_data(AT, 0x0E) == 0x1C


def test_any_device_of_four_verbs_can_be_plugged() -> None:
    refuses = SimpleNamespace(begin=lambda at, r: True, take=lambda at, v: False, give=lambda at: 7, end=lambda at: None)
    b = FakeI2cBus(VirtualTime(), {0x20: refuses})
    assert b.read_byte(0x20) == 7
    assert code_of(b.write_byte, 0x20, 1) == errno.EREMOTEIO


def test_a_long_run_keeps_its_last_transfers() -> None:
    quick = SimpleNamespace(begin=lambda at, r: True, take=lambda at, v: True, give=lambda at: 7, end=lambda at: None)
    b = FakeI2cBus(VirtualTime(), {0x20: quick})
    for n in range(100_003):
        b.write_byte(0x20, n % 256)
    assert b.transfers == 100_003
    assert 50_000 <= len(b.log) <= 100_000
    assert b.log[-1].wrote == bytes([100_002 % 256])
