"""chrony's SOCK: the datagram byte by byte, and a socket that is absent, forbidden, full, goes and comes again (F-D01 to F-D03)."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gpstime.core.feed import Sample
from gpstime.drivers import time_width
from gpstime.drivers.chrony_sock import ChronySock, packed
from gpstime.drivers.time_width import bits_for, own_bits, program
from gpstime.errors import UsageError
from gpstime.times import UnixNs

SAMPLE = Sample(UnixNs(1_795_521_600_250_000_999), UnixNs(1_795_521_600_000_000_000), 1)
"""The system clock is a quarter of a second ahead."""


@contextmanager
def chronyd(path: Path) -> Iterator[socket.socket]:
    """A socket as chronyd makes it: an old one is removed, and on a clean end its own."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(path))
        s.setblocking(False)
        yield s
    path.unlink(missing_ok=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


@pytest.mark.parametrize(("bits", "size", "layout"), [(64, 40, "=qqd4i"), (32, 32, "=iid4i")])
def test_the_datagram(bits: int, size: int, layout: str) -> None:
    datagram = packed(SAMPLE, bits)
    assert len(datagram) == size
    seconds, us, offset, pulse, leap, _, magic = struct.unpack(layout, datagram)
    assert (seconds, us) == (1_795_521_600, 250_000), "what the system clock showed, in whole microseconds"
    assert offset == -0.250000999, "true - system, and not cut to microseconds"
    assert (pulse, leap) == (0, 1), "a complete sample, not a bare pulse"
    assert magic == 0x534F434B
    assert datagram[-4:] == (b"KCOS" if sys.byteorder == "little" else b"SOCK")


def test_the_native_layout_of_this_machine_is_the_same() -> None:
    """A struct timeval of two longs, a double and four ints, as a C compiler lays them out here."""
    word = "q" if own_bits() == 64 else "i"
    assert len(packed(SAMPLE, own_bits())) == struct.calcsize(f"@{word}{word}diiii")


def test_after_2038_32_bits_are_not_enough_and_it_is_said(path: Path) -> None:
    sock = ChronySock(str(path), 32)
    late = Sample(UnixNs(2**31 * 10**9), UnixNs(2**31 * 10**9))
    assert sock.offer(late).state == "layout"
    sock.close()


def test_absent_then_there_then_stopped_then_there_again(path: Path) -> None:
    sock = ChronySock(str(path), 64)
    absent = sock.offer(SAMPLE)
    assert absent.state == "absent"
    assert f"`refclock SOCK {path}`" in absent.why
    assert sock.look().state == "absent"
    with chronyd(path) as first:
        assert sock.look().state == "ok"
        assert sock.offer(SAMPLE).state == "ok"
        assert first.recv(100) == packed(SAMPLE, 64)
        with pytest.raises(BlockingIOError):
            first.recv(100)  # looking sends nothing
    assert sock.offer(SAMPLE).state == "absent"
    with chronyd(path) as second:  # made anew: another inode under the same name
        assert sock.offer(SAMPLE).state == "ok"
        assert second.recv(100) == packed(SAMPLE, 64)
    sock.close()


def test_a_socket_that_was_left_behind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(path))
    sock = ChronySock(str(path), 64)
    for taking in (sock.offer(SAMPLE), sock.look()):
        assert taking.state == "refused"
        assert "left it behind" in taking.why
    with chronyd(path) as s:
        assert sock.offer(SAMPLE).state == "ok"
        assert len(s.recv(100)) == 40
    sock.close()


def test_something_else_under_that_name(path: Path) -> None:
    path.write_text("")
    sock = ChronySock(str(path), 64)
    taking = sock.offer(SAMPLE)
    assert (taking.state, "is no socket: remove it" in taking.why) == ("refused", True)
    path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.bind(str(path))
        s.listen()
        taking = sock.offer(SAMPLE)
    assert (taking.state, "of another kind" in taking.why) == ("refused", True)
    assert ChronySock(f"{path}/below", 64).offer(SAMPLE).state == "absent"
    sock.close()


def test_nobody_reads_and_nobody_waits_for_that(path: Path) -> None:
    sock = ChronySock(str(path), 64)
    with chronyd(path) as s:
        states = [sock.offer(SAMPLE).state for _ in range(5000)]  # far more than any queue of datagrams holds
        assert states[0] == "ok"
        assert states[-1] == "full"
        while True:
            try:
                s.recv(100)
            except BlockingIOError:
                break
        assert sock.offer(SAMPLE).state == "ok"
    sock.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may send anywhere")
def test_forbidden_by_the_sockets_own_mode(path: Path) -> None:
    sock = ChronySock(str(path), 64)
    with chronyd(path):
        path.chmod(0o500)
        taking = sock.offer(SAMPLE)
    assert taking.state == "forbidden"
    assert "hw/chrony/gpstime.conf" in taking.why
    sock.close()


class Refusing:
    """A socket for which the kernel has one answer."""

    def __init__(self, number: int) -> None:
        self._number = number

    def sendto(self, data: bytes, where: str) -> int:
        raise OSError(self._number, os.strerror(self._number))

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("number", "may_write", "state", "told"),
    [
        (errno.EACCES, False, "forbidden", "hw/chrony/gpstime.conf gives it to the group gpstime"),
        (errno.EACCES, True, "forbidden", "a security module"),  # AppArmor
        (errno.EPERM, True, "forbidden", "a security module"),
        (errno.ENOTSOCK, True, "refused", "no socket"),
        (errno.ENOBUFS, True, "full", "does not read"),
        (errno.ENOMEM, True, "error", os.strerror(errno.ENOMEM)),
    ],
)
def test_what_the_kernel_refuses_is_a_state_with_a_sentence(
    number: int, may_write: bool, state: str, told: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P13, F-D02: never an exception, never silence."""
    path.write_text("")
    sock = ChronySock(str(path), 64)
    sock.close()
    monkeypatch.setattr(sock, "_socket", Refusing(number))
    monkeypatch.setattr(os, "access", lambda where, mode: may_write)
    taking = sock.offer(SAMPLE)
    assert taking.state == state
    assert told in taking.why
    assert str(path) in taking.why


def test_a_path_that_no_socket_can_have() -> None:
    with pytest.raises(UsageError, match="choose a shorter one"):
        ChronySock("/run/" + "x" * 110, 64)


# ---- whose time_t ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "own", "own_long", "bits"),
    [
        (b"\x7fELF\x02rest", 32, 4, 64),  # a 64-bit chronyd beside a 32-bit Python
        (b"\x7fELF\x01rest", 64, 8, 32),  # the reverse: taken for the old time_t, which chrony takes since 4.4 either way
        (b"\x7fELF\x01rest", 64, 4, 64),  # Debian 13 on armhf
        (b"\x7fELF\x01rest", 32, 4, 32),  # Debian 12 on armhf
        (b"#!/bin/sh", 64, 8, 64),
        (b"", 32, 4, 32),
    ],
)
def test_the_program_tells_its_time_t(head: bytes, own: int, own_long: int, bits: int, tmp_path: Path) -> None:
    chronyd = tmp_path / "chronyd"
    chronyd.write_bytes(head)
    assert bits_for(str(chronyd), own, own_long) == bits


def test_without_a_program_it_is_as_here(tmp_path: Path) -> None:
    assert bits_for(None) == bits_for(str(tmp_path / "none")) == own_bits()
    assert bits_for(sys.executable) == 8 * struct.calcsize("@l") or own_bits() == 64


def test_a_program_is_found_where_services_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program("gpstime-test") is None
    (tmp_path / "gpstime-test").write_text("")
    assert program("gpstime-test") is None  # not to be run
    (tmp_path / "gpstime-test").chmod(0o755)
    assert program("gpstime-test") == str(tmp_path / "gpstime-test")
    monkeypatch.setattr(time_width, "PLACES", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert program("gpstime-test") == str(tmp_path / "gpstime-test")
