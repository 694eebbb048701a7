"""The receiver on a pty itself: a real tty, a link that follows it, its own pace, and no blocking when nobody reads."""

from __future__ import annotations

import os
import select
import termios
import tty
from pathlib import Path

import pytest

from gpstime.sim.line import uart
from gpstime.sim.pty_receiver import PtyReceiver, paced
from gpstime.times import NS, RawNs

SOON_S = 10.0
"""How long to wait for what a pty hands over a moment later; it never takes as long."""


class Virtual:
    """Fits `ports.Timebase`."""

    def __init__(self) -> None:
        self.at = 0
        self.slept = 0

    def now(self) -> RawNs:
        return RawNs(self.at)

    def sleep(self, seconds: float) -> None:
        self.slept += 1
        self.at += round(seconds * NS)


def read(fd: int) -> bytes:
    assert select.select([fd], [], [], SOON_S)[0]
    return os.read(fd, 4096)


def test_it_is_a_tty_behind_a_link_that_follows_it(tmp_path: Path) -> None:
    link = tmp_path / "usb-receiver"
    receiver = PtyReceiver([], link=link)
    first = os.path.realpath(link)
    assert first == receiver.path
    fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
    assert os.isatty(fd)
    receiver.send(b"$x\r\n")
    assert read(fd) == b"$x\r\n", "raw: nothing is translated, nothing echoed"
    os.write(fd, b"$PMTK000*32\r\n")
    receiver.hang_up()
    receiver.hang_up()
    assert not link.is_symlink()
    assert not os.path.exists(first)
    assert select.select([fd], [], [], SOON_S)[0], "a hang-up wakes the reader"
    receiver.plug_in()
    assert os.path.realpath(link) == receiver.path
    os.close(fd)
    receiver.close()


def test_it_hears_what_is_sent_to_it() -> None:
    receiver = PtyReceiver([])
    fd = os.open(receiver.path, os.O_RDWR | os.O_NOCTTY)
    assert receiver.hear() == b""
    os.write(fd, b"$PMTK000*32\r\n")
    assert receiver.hear(SOON_S) == b"$PMTK000*32\r\n"
    os.close(fd)
    receiver.close()


def test_play_keeps_the_pace_of_the_line() -> None:
    """960 bytes at 9600 baud last a second, on whatever clock."""
    receiver = PtyReceiver(paced([(RawNs(NS), b"x" * 480), (RawNs(NS), b"y" * 480)], 9600), 9600)
    fd = os.open(receiver.path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    attributes = termios.tcgetattr(fd)
    attributes[4] = attributes[5] = termios.B9600
    termios.tcsetattr(fd, termios.TCSANOW, attributes)
    time = Virtual()
    receiver.play(time)
    assert time.at == pytest.approx(2 * NS, abs=0.02 * NS)
    assert 48 <= time.slept <= 110
    got = b""
    while len(got) < 960:
        got += read(fd)
    assert got == b"x" * 480 + b"y" * 480
    os.close(fd)
    receiver.close()


def test_settled_means_that_unread_bytes_of_earlier_sends_are_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow pty: what was sent is there only at the third look, and what was there before must not count for it."""
    receiver = PtyReceiver([(RawNs(NS), b"x" * 10), (RawNs(2 * NS), b"y" * 5), (RawNs(3 * NS), b"z" * 5000)])
    looks = iter([0, 0, 10, 10, 10, 12, 15, 15, 4000, 4095])
    monkeypatch.setattr(receiver, "_waiting", lambda: next(looks))
    left = []
    for second in (1, 2, 3):
        receiver.advance(RawNs(second * NS), settle=True)
        left.append(looks.__length_hint__())
    receiver.close()
    assert left == [7, 3, 0]


def test_a_reader_at_another_rate_hears_what_a_uart_hears() -> None:
    receiver = PtyReceiver([], 9600)
    fd = os.open(receiver.path, os.O_RDWR | os.O_NOCTTY)
    attributes = termios.tcgetattr(fd)
    attributes[4] = attributes[5] = termios.B19200
    termios.tcsetattr(fd, termios.TCSANOW, attributes)
    receiver.send(b"$GNRMC")
    assert read(fd) == uart(b"$GNRMC", 2.0) != b"$GNRMC"
    os.close(fd)
    receiver.close()


def test_when_nobody_reads_bytes_are_dropped_and_counted_and_nothing_blocks() -> None:
    receiver = PtyReceiver([])
    total = sum(receiver.send(b"z" * 1000) for _ in range(200))
    assert receiver.dropped == 200_000 - total > 100_000
    receiver.hang_up()
    assert receiver.send(b"z") == 0
    assert receiver.hear() == b""
