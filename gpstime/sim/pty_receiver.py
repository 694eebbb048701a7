"""A receiver on a pseudo-terminal: what `drivers/serial_port` opens is a real tty, paced by baud, that can hang up and come back.

Portions of bytes are due at instants of any clock: `advance(now)` sends what is due (tests, on a virtual clock, no waiting), or
`play` follows a `ports.Timebase`. If the reader has set another baud rate than the receiver's, it hears what a UART would hear.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import select
import struct
import termios
import tty
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from gpstime.model import Event, SerialBytes
from gpstime.ports import Timebase
from gpstime.sim.line import uart
from gpstime.times import NS, RawNs

_RATES = {getattr(termios, name): int(name[1:]) for name in dir(termios) if name[0] == "B" and name[1:].isdigit()}
_TTY_BUFFER = 4095


def heard(events: Iterable[Event]) -> Iterator[tuple[RawNs, bytes]]:
    """The portions that a world's serial port gave: feed these to a PtyReceiver and the port hears the same again."""
    for event in events:
        if isinstance(event, SerialBytes):
            yield event.at, event.data


def paced(bursts: Iterable[tuple[RawNs, bytes]], baud: int, grain_ms: float = 10.0) -> Iterator[tuple[RawNs, bytes]]:
    """Bursts, each from its instant on, as a line of this rate carries them: ten bits a byte, a burst waits for the one before."""
    byte_ns = 10 * NS / baud
    size = max(1, round(grain_ms * 1e6 / byte_ns))
    free = 0
    for at, burst in bursts:
        start = max(at, free)
        free = start + round(len(burst) * byte_ns)
        for i in range(0, len(burst), size):
            yield RawNs(start + round(i * byte_ns)), burst[i : i + size]


class PtyReceiver:
    """`portions`: (instant, bytes), rising. `link`: a name for the node, as /dev/serial/by-id gives one; it follows the device.

    `baud`: the receiver's own rate; None: a USB receiver, to which the reader's rate is all the same. `dropped` counts bytes for
    which nobody had room.
    """

    def __init__(self, portions: Iterable[tuple[RawNs, bytes]], baud: int | None = None, link: Path | None = None) -> None:
        self._portions = iter(portions)
        self._next = next(self._portions, None)
        self._baud, self._link = baud, link
        self._master = self._slave = -1
        self.path = ""
        self.dropped = 0
        self.plug_in()

    @property
    def next_due(self) -> RawNs | None:
        """When the next portion is due; None: it has said everything."""
        return None if self._next is None else self._next[0]

    # ---- the plug ------------------------------------------------------------------------------------------------------------

    def plug_in(self) -> None:
        """It is there (again), under whatever name the system gives."""
        if self._master >= 0:
            return
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self.path)

    def hang_up(self) -> None:
        """The plug is pulled: readers get a hang-up, the node and its link are gone."""
        if self._master < 0:
            return
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    @property
    def plugged(self) -> bool:
        return self._master >= 0

    def reset(self, portions: Iterable[tuple[RawNs, bytes]], baud: int | None) -> None:
        """It starts anew, with other things to say and perhaps at another rate; the plug stays where it is."""
        self._portions = iter(portions)
        self._next = next(self._portions, None)
        self._baud = baud

    # ---- sending -------------------------------------------------------------------------------------------------------------

    def advance(self, now: RawNs, settle: bool = False) -> int:
        """Send what is due up to `now` (to nobody, if pulled out); returns how many bytes. `settle`: wait until all can be read."""
        sent, unread = 0, self._waiting() if settle else 0
        while self._next is not None and self._next[0] <= now:
            sent += self.send(self._next[1])
            self._next = next(self._portions, None)
        if settle and sent:
            self._settle(min(unread + sent, _TTY_BUFFER))
        return sent

    def play(self, time: Timebase, stop: Callable[[], bool] = lambda: False) -> None:
        """Send everything at its time."""
        while self._next is not None and not stop():
            wait_ns = self._next[0] - time.now()
            if wait_ns > 0:
                time.sleep(min(wait_ns / NS, 0.2))
            else:
                self.advance(time.now())

    def send(self, data: bytes) -> int:
        """These bytes now, as the reader's UART hears them."""
        if self._master < 0:
            return 0
        theirs = _RATES.get(termios.tcgetattr(self._slave)[4], 0)
        if self._baud is not None and theirs and theirs != self._baud:
            data = uart(data, theirs / self._baud)
        try:
            sent = os.write(self._master, data)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EIO):
                raise
            sent = 0
        self.dropped += len(data) - sent
        return sent

    def hear(self, timeout_s: float = 0.0) -> bytes:
        """What the reader wrote to the receiver; a pty hands it over a moment later, so wait that long for the first of it."""
        try:
            if self._master >= 0 and timeout_s:
                select.select([self._master], [], [], timeout_s)
            return os.read(self._master, 4096) if self._master >= 0 else b""
        except BlockingIOError:
            return b""

    def _waiting(self) -> int:
        """How many bytes the reader could read now."""
        if self._slave < 0:
            return 0
        return int(struct.unpack("i", fcntl.ioctl(self._slave, termios.FIONREAD, b"\0" * 4))[0])

    def _settle(self, count: int) -> None:
        """A pty hands bytes over a moment later; wait (10 s at most) until as many, earlier ones included, can be read."""
        for _ in range(10_000):
            if self._waiting() >= count:
                return
            select.select([], [], [], 0.001)

    def close(self) -> None:
        self.hang_up()
