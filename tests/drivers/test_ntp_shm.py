"""NTP's shared memory: the layouts, the protocol as a reader sees it at every moment, and what can be wrong with a segment."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from gpstime.core.feed import Sample
from gpstime.drivers.ntp_shm import IPC_CREAT, KEY, PATIENCE, KernelMemory, NtpShm, mode_of, segment
from gpstime.times import UnixNs

SAMPLE = Sample(UnixNs(1_795_521_600_250_000_999), UnixNs(1_795_521_600_000_000_001), 1)


@dataclass
class FakeMemory:
    """The kernel's shared memory with one process in it. `refuses` an errno for every look."""

    refuses: int = 0
    asked: list[tuple[int, int, int]] = field(default_factory=list)
    segments: dict[int, ctypes.Array[ctypes.c_char]] = field(default_factory=dict)
    by_key: dict[int, int] = field(default_factory=dict)
    detached: int = 0

    def get(self, key: int, size: int, flags: int) -> int:
        self.asked.append((key, size, flags))
        if self.refuses:
            raise OSError(self.refuses, os.strerror(self.refuses))
        if key not in self.by_key:
            if not flags & IPC_CREAT:
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            self.by_key[key] = len(self.segments)
            self.segments[len(self.segments)] = ctypes.create_string_buffer(size)
        ident = self.by_key[key]
        if len(self.segments[ident]) < size:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return ident

    def attach(self, ident: int) -> int:
        return ctypes.addressof(self.segments[ident])

    def detach(self, address: int) -> None:
        self.detached += 1

    def view(self, unit: int, word: type = ctypes.c_int64):  # type: ignore[no-untyped-def]
        return segment(word).from_buffer(self.segments[self.by_key[KEY + unit]])


def read_by_chrony(t) -> tuple[int, int, int] | None:  # type: ignore[no-untyped-def]
    """What refclock_shm.c does with a segment: (true, shown, leap) or nothing; takes `valid` away."""
    if t.mode not in (0, 1) or not t.valid:
        return None
    t.valid = 0
    same = t.clock_ns // 1000 == t.clock_us and t.receive_ns // 1000 == t.receive_us
    assert same, "else chrony falls back to microseconds"
    return t.clock_s * 10**9 + t.clock_ns, t.receive_s * 10**9 + t.receive_ns, t.leap


@pytest.mark.parametrize(("word", "size", "valid_at"), [(ctypes.c_int64, 96, 48), (ctypes.c_int32, 80, 36)])
def test_the_layout_follows_time_t(word: type, size: int, valid_at: int) -> None:
    """F-D04: sizes and places as a C compiler has them on 64 bits and on 32-bit ARM."""
    if ctypes.alignment(ctypes.c_int64) != 8:
        pytest.skip("i386 aligns otherwise")
    made = segment(word)
    assert ctypes.sizeof(made) == size
    assert made.valid.offset == valid_at
    assert (made.count.offset, made.clock_s.offset) == (4, 8)


@pytest.mark.parametrize("bits", [64, 32])
def test_a_reader_gets_what_was_written(bits: int) -> None:
    memory = FakeMemory()
    shm = NtpShm(2, bits, memory=memory)
    assert shm.offer(SAMPLE).state == "ok"
    view = memory.view(2, ctypes.c_int64 if bits == 64 else ctypes.c_int32)
    assert view.mode == 1
    assert read_by_chrony(view) == (SAMPLE.true, SAMPLE.shown, 1)
    assert read_by_chrony(view) is None, "each sample once"
    assert view.precision == -20


def test_at_no_moment_of_a_write_is_a_half_written_sample_taken_for_whole() -> None:
    """A reader that comes at every barrier: it sees the old sample, or nothing, or the new one; and the count betrays the rest."""
    memory, seen = FakeMemory(), []
    view = None

    def fence() -> None:
        if view is not None:
            seen.append((view.valid, view.count, view.clock_s * 10**9 + view.clock_ns, view.receive_s))

    shm = NtpShm(2, 64, memory=memory, fence=fence)
    shm.offer(SAMPLE)
    view = memory.view(2)
    before = view.count
    later = Sample(UnixNs(SAMPLE.shown + 10**9), UnixNs(SAMPLE.true + 10**9))
    shm.offer(later)
    assert [valid for valid, *_ in seen] == [0, 0, 0, 0], "never valid between the first and the last store"
    assert [count - before for _, count, *_ in seen] == [0, 1, 1, 2]
    assert [true for _, _, true, _ in seen] == [SAMPLE.true, SAMPLE.true, later.true, later.true]
    assert (view.valid, view.count - before) == (1, 2)


def test_the_count_goes_round() -> None:
    memory = FakeMemory()
    shm = NtpShm(2, 64, memory=memory)
    shm.look()
    memory.view(2).count = 2**31 - 1
    shm._count = None
    assert shm.offer(SAMPLE).state == "ok"
    assert memory.view(2).count == -(2**31) + 1


def test_nobody_reads_and_then_somebody_does() -> None:
    memory = FakeMemory()
    shm = NtpShm(3, 64, memory=memory)
    states = [shm.offer(SAMPLE).state for _ in range(PATIENCE + 2)]
    assert states == ["ok"] * PATIENCE + ["unread"] * 2
    assert read_by_chrony(memory.view(3)) is not None
    assert shm.offer(SAMPLE).state == "ok"


def test_a_segment_that_was_removed_and_made_anew_is_found_again() -> None:
    """RemoveIPC, ipcrm: the reader is in another segment under the same key. Nobody tells the writer."""
    memory = FakeMemory()
    shm = NtpShm(3, 64, memory=memory)
    shm.offer(SAMPLE)
    del memory.by_key[KEY + 3]
    states = [shm.offer(SAMPLE).state for _ in range(PATIENCE + 2)]
    assert states == ["ok"] * (PATIENCE - 1) + ["unread", "ok", "ok"]
    assert memory.detached == 1
    assert read_by_chrony(memory.view(3)) == (SAMPLE.true, SAMPLE.shown, 1)


def test_two_writers_are_noticed() -> None:
    memory = FakeMemory()
    shm = NtpShm(2, 64, memory=memory)
    shm.offer(SAMPLE)
    memory.view(2).count += 2
    found = shm.offer(SAMPLE)
    assert found.state == "contended"
    assert "another program writes" in found.why
    assert shm.offer(SAMPLE).state == "ok"


@pytest.mark.parametrize(
    ("number", "state", "told"),
    [
        (errno.EACCES, "forbidden", "perm=0666"),
        (errno.EPERM, "forbidden", "ipcrm -M 0x4e545032"),
        (errno.ENOSPC, "error", "unit 2"),
    ],
)
def test_what_the_kernel_refuses_is_a_state_and_tried_again(number: int, state: str, told: str) -> None:
    memory = FakeMemory(refuses=number)
    shm = NtpShm(2, 64, memory=memory)
    for taking in (shm.look(), shm.offer(SAMPLE)):
        assert taking.state == state
        assert told in taking.why
    memory.refuses = 0
    assert shm.offer(SAMPLE).state == "ok"


@pytest.mark.parametrize(("theirs", "ours"), [(32, 64), (64, 32)])
def test_a_segment_of_a_program_with_another_time_t(theirs: int, ours: int) -> None:
    """The kernel refuses a segment that is too small only; in one that is too large a reader would look elsewhere."""
    memory = FakeMemory()
    NtpShm(2, theirs, memory=memory).look()
    before = bytes(memory.segments[0])
    shm = NtpShm(2, ours, memory=memory)
    for taking in (shm.look(), shm.offer(SAMPLE)):
        assert taking.state == "layout"
        assert "another size" in taking.why
    assert bytes(memory.segments[0]) == before
    memory.by_key.clear()  # ipcrm -M, and a program with our time_t
    assert shm.offer(SAMPLE).state == "ok"


def test_32_bits_end_in_2038() -> None:
    shm = NtpShm(2, 32, memory=FakeMemory())
    assert shm.offer(Sample(UnixNs(2**31 * 10**9), UnixNs(0))).state == "layout"
    assert shm.offer(Sample(UnixNs(0), UnixNs(2**31 * 10**9))).state == "layout"


@pytest.mark.parametrize(("unit", "mode", "asked"), [(0, None, 0o600), (1, None, 0o600), (2, None, 0o666), (2, 0o660, 0o660)])
def test_the_rights_that_a_new_segment_gets(unit: int, mode: int | None, asked: int) -> None:
    memory = FakeMemory()
    NtpShm(unit, 64, mode, memory).look()
    assert memory.asked[0] == (KEY + unit, 96, IPC_CREAT | asked)
    assert all(not flags & IPC_CREAT for *_, flags in memory.asked[1:])
    assert mode_of(unit) == (0o600 if unit < 2 else 0o666)


@pytest.fixture
def unit() -> Iterator[int]:
    number = 100_000 + os.getpid()  # a segment of this test's own
    yield number
    libc = ctypes.CDLL(None)
    ident = libc.shmget(KEY + number, 0, 0)
    if ident >= 0:
        libc.shmctl(ident, 0, None)  # IPC_RMID


def test_the_kernels_own_segments(unit: int) -> None:
    """Two attachments of a real one: what one writes the other reads; the rights are those asked for."""
    shm = NtpShm(unit, 64, 0o600)
    assert shm.offer(SAMPLE).state == "ok"
    memory = KernelMemory()
    ident = memory.get(KEY + unit, 96, 0)
    address = memory.attach(ident)
    other = segment(ctypes.c_int64).from_address(address)
    assert read_by_chrony(other) == (SAMPLE.true, SAMPLE.shown, 1)
    shm.offer(SAMPLE)
    shm.close()
    assert other.valid == 0, "who ends takes his last sample along"
    memory.detach(address)
    other_bits = NtpShm(unit, 32, 0o600)
    assert other_bits.look().state == "layout"
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        memory.get(KEY + unit, 4096, 0)
    with pytest.raises(OSError, match=os.strerror(errno.ENOENT)):
        memory.get(KEY + unit + 1, 96, 0)
