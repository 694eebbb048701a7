"""The serial port on a real terminal line: bytes at a rate, the rate found, hang-up and return, others on the line."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpstime.drivers.autobaud import WatchedPort
from gpstime.drivers.serial_port import SerialPort
from gpstime.errors import DeviceBusy, DeviceMissing
from gpstime.sim.sentences import framed
from gpstime.times import NS

pytestmark = pytest.mark.virtual
PORT = "/dev/ttyAMA0"
BURST = b"".join(framed(f"{who},120000.00,A,5128.67235,N,00000.05106,W,0.041,,010326,,,A,V") for who in ("GNRMC", "GPRMC", "GLRMC"))


@pytest.fixture
def port(board: Any) -> Iterator[SerialPort]:
    """The port, closed in the end whatever happened, and the line as it was."""
    port = SerialPort(PORT, 9600)
    yield port
    port.close()
    board.baud(0)
    board.plug_serial(True)


def bursts(n: int, ahead_s: float = 2.0) -> list[tuple[int, bytes]]:
    from board import raw_ns

    begin = raw_ns() + round(ahead_s * NS)
    return [(begin + k * NS, BURST) for k in range(n)]


def read_for(port: Any, seconds: float, enough: bytes | None = None, times: int = 5) -> list[Any]:
    """What comes within so many seconds, or until `enough` is among it so many times."""
    end = time.monotonic() + seconds
    got: list[Any] = []
    while time.monotonic() < end:
        if enough is not None and b"".join(p.data for p in got).count(enough) >= times:
            break
        if (portion := port.read(0.5)) is not None:
            got.append(portion)
    return got


def test_bytes_come_stamped_when_the_first_is_there(board: Any, port: SerialPort) -> None:
    port.open()
    said = bursts(4)
    board.play(board.says(board.at_baud(said, 9600)))
    got = read_for(port, 60, BURST, 4)  # in real time, the player may be late
    assert b"".join(p.data for p in got) == BURST * 4
    begins = [got[0].at] + [b.at for a, b in itertools.pairwise(got) if b.at - a.at > 500_000_000]
    late = [at - begin - 16 * 10 * NS // 9600 for at, (begin, _) in zip(begins, said, strict=True)]
    assert min(late) >= 0
    if board.travels:
        assert max(late) < 1_000_000


def test_the_rate_is_found_by_listening(board: Any, port: SerialPort) -> None:
    board.baud(38400)
    watched = WatchedPort(port)
    watched.open()
    board.play(board.says(board.at_baud(bursts(40, 0.2), 38400)))
    got = read_for(watched, 30, BURST)
    assert (port.baud, watched.searching) == (38400, False)
    assert b"".join(p.data for p in got).count(BURST) >= 5


def test_a_hang_up_and_the_return(board: Any, port: SerialPort) -> None:
    port.open()
    board.plug_serial(False)
    with pytest.raises(DeviceMissing, match="unplugged or hung up"):
        read_for(port, 3)
    with pytest.raises(DeviceMissing):
        port.read(3)
    board.plug_serial(True)
    board.play(board.says(bursts(20, 0.5)))
    got = []
    for _ in range(40):
        try:
            portion = port.read(1)
        except DeviceMissing:
            time.sleep(0.2)
            continue
        if portion:
            got.append(portion)
            break
    assert got
    assert port.reconnects == 1


def another_reader(name: str, tmp_path: Path) -> subprocess.Popen[bytes]:
    """A process of this name that has the port open and reads it."""
    program = tmp_path / name
    program.symlink_to(sys.executable)
    reads = f"import os\nf = os.open({PORT!r}, os.O_RDONLY | os.O_NOCTTY)\nprint('open', flush=True)\nwhile True: os.read(f, 100)"
    reader = subprocess.Popen([str(program), "-c", reads], stdout=subprocess.PIPE)
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"open\n"
    return reader


def test_a_login_console_on_the_port_is_named(port: SerialPort, tmp_path: Path) -> None:
    reader = another_reader("agetty", tmp_path)
    try:
        with pytest.raises(DeviceBusy, match=rf"agetty \(pid {reader.pid}\).*serial-getty@ttyAMA0"):
            port.open()
    finally:
        reader.kill()
        reader.wait()


@pytest.mark.real  # in time travel the two wait for each other: a reader that asks again and again stops that clock
def test_a_second_reader_steals_and_is_named(board: Any, tmp_path: Path) -> None:
    sharing = SerialPort(PORT, 9600, share=True)
    sharing.open()
    reader = another_reader("thief", tmp_path)
    try:
        board.play(board.says(board.at_baud(bursts(6, 0.5), 9600)))
        got = read_for(sharing, 8)
        assert len(b"".join(p.data for p in got)) < 6 * len(BURST)
        assert [h.command for h in sharing.others()] == ["thief"]
        with pytest.raises(DeviceBusy, match=rf"thief \(pid {reader.pid}\)"):
            SerialPort(PORT, 9600).open()
    finally:
        sharing.close()
        reader.kill()
        reader.wait()
