"""A receiver's port through pyserial: real ports, ptys and `socket://host:port`. Fits `ports.ByteInput`.

Bytes are taken in portions, never line by line (200 times dearer), and stamped on the raw clock when the first of a portion was
there. Each costs three wake-ups, the dearest thing that a quiet service does: `gather` says how long a portion may last.

`read` opens the port and, once it was lost, opens it again: while it is away each call waits its time out and raises
`DeviceMissing`; the first that does not raise means that it is back, perhaps under another name (found again by its link in
/dev/serial/by-id, P5). What a person should know besides is in `notes()`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import termios
from pathlib import Path
from typing import TYPE_CHECKING

from gpstime.drivers.gather import Gather
from gpstime.drivers.holders import PROC, Holder, holders
from gpstime.drivers.retry import Retry
from gpstime.drivers.serial_refused import refused
from gpstime.drivers.timebase import MachineTime
from gpstime.errors import DeviceBusy, DeviceError, DeviceMissing, UsageError
from gpstime.model import SerialBytes
from gpstime.ports import Timebase
from gpstime.times import NS, RawNs

if TYPE_CHECKING:
    import serial

BY_ID = Path("/dev/serial/by-id")
PORTION = 4096
"""Bytes; a tty's own buffer holds no more."""
_AGAIN_NS = 60 * NS
"""The least time between two looks for other readers."""


class SerialPort:
    """`device`: a node, a link to one, or a `socket://` address. Constructing opens nothing; `open` says what is wrong at once.

    `share` opens a port that somebody else holds too; `gather_s` fixes the length of a portion (0: whatever is there).
    """

    def __init__(
        self,
        device: str,
        baud: int = 9600,
        *,
        time: Timebase | None = None,
        share: bool = False,
        gather_s: float | None = None,
        by_id: Path = BY_ID,
        proc: Path = PROC,
    ) -> None:
        if "://" in device and not device.startswith("socket://"):
            raise UsageError(f"{device}: not a port that can be read; use a device such as /dev/serial0, or socket://host:port")
        self.device = device
        self.reconnects = 0
        self.stolen = 0
        """How often bytes were announced and then gone: somebody else reads them."""
        self._baud = baud
        self._time = time or MachineTime()
        self.clock = self._time.now
        self.shared, self._gather_s, self._by_id, self._proc = share, gather_s, by_id, proc
        self._port: serial.Serial | None = None
        self._poll = select.poll()
        self._fd = -1
        self._link = ""
        self._node = device
        self._retry = Retry(self._time)
        self._notes: list[str] = []
        self._looked_at: RawNs | None = None
        self._gather = Gather()

    # ---- what it is ----------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """For people: the node as it is called now."""
        return self._node

    @property
    def baud(self) -> int:
        return self._baud

    @baud.setter
    def baud(self, baud: int) -> None:
        """Another rate from now on; what was received at the old one is thrown away."""
        self._baud = baud
        self._gather.relearn()
        if self._port is not None:
            try:
                self._port.baudrate = baud
                self._port.reset_input_buffer()
            except (OSError, termios.error, ValueError) as error:
                raise DeviceError(f"{self.name} does not do {baud} baud ({error}); choose another rate") from None

    def notes(self) -> list[str]:
        """Sentences for people since the last call: another reader, another name."""
        said, self._notes = self._notes, []
        return said

    # ---- opening and losing --------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open it, or say what is in the way: DeviceMissing, DeviceForbidden, or DeviceBusy with the holder's name and a remedy."""
        if self._port is not None:
            return
        import serial  # late: `import gpstime` works without it

        device = self._link if self._link and os.path.exists(self._link) else self.device
        network = "://" in device
        node = device if network else os.path.realpath(device)
        others = [] if network or self.shared else [h for h in holders(device, self._proc) if h.sure]
        if others:
            raise DeviceBusy(others[0].sentence())
        port: serial.Serial | None = None
        try:
            lock = None if network or self.shared else True
            port = serial.serial_for_url(device, baudrate=self._baud, timeout=0, write_timeout=1, exclusive=lock)
            self._fd = port.fileno()
            if not (network or self.shared):
                fcntl.ioctl(self._fd, termios.TIOCEXCL)  # pyserial's own lock is seen only by those that ask for it
        except (OSError, termios.error, ValueError) as error:
            if port is not None:
                port.close()
            raise refused(device, error, self._proc) from None
        self._port = port
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        if self._retry.was_open:
            self.reconnects += 1
            if node != self._node:
                self._notes.append(f"{self.device} is back as {node}; it was {self._node}.")
        self._retry.opened()
        self._node = node
        if not network:
            self._link = self._stable_name(node) or self._link
            found = [h for h in holders(node, self._proc) if self.shared or not h.sure]
            self._notes += [h.sentence() for h in found]
        self._looked_at = self._time.now() if not network and found else None
        self._gather.relearn()

    def _stable_name(self, node: str) -> str:
        """The link in /dev/serial/by-id that leads here; empty for a port that has none (a UART on the header)."""
        try:
            links = sorted(self._by_id.iterdir())
        except OSError:
            return ""
        return next((str(link) for link in links if os.path.realpath(link) == node), "")

    def _lose(self, why: str) -> DeviceMissing:
        self._shut()
        self._retry.failed(DeviceMissing(why))
        return DeviceMissing(why)

    def _shut(self) -> None:
        port, self._port = self._port, None
        if port is None:
            return
        with contextlib.suppress(OSError):  # if it is gone, its lock is too
            if not (self.shared or "://" in self._node):
                fcntl.ioctl(self._fd, termios.TIOCNXCL)
        with contextlib.suppress(OSError):
            port.close()

    # ---- bytes ---------------------------------------------------------------------------------------------------------------

    def read(self, timeout_s: float) -> SerialBytes | None:
        """See `ports.ByteInput`. A port never opened before may also be busy or forbidden (`DeviceError`)."""
        if self._port is None:
            self._retry.open(self.open, timeout_s)
        assert self._port is not None
        if not self._poll.poll(max(0, round(timeout_s * 1000))):
            return None
        at = self._time.now()
        gather_s = self._gather.pause_s(at, PORTION / 4 * 10 / self._baud) if self._gather_s is None else self._gather_s
        if gather_s:
            self._time.sleep(gather_s)
        try:
            # past pyserial, whose own read takes ten times as long; a socket needs it
            data = self._port.read(PORTION) if "://" in self._node else os.read(self._fd, PORTION)
        except BlockingIOError:
            data = b""
        except (OSError, termios.error) as error:  # SerialException is an OSError
            data = b""
            if self._gone():
                raise self._lose(f"{self.name} was unplugged or hung up ({error}).") from None
        if not data:
            if self._gone():
                raise self._lose(f"{self.name} was unplugged or hung up.")
            self._robbed(at)
            return None
        self._gather.took(data, self._time.now())
        return SerialBytes(at, data, self._node if "://" in self._node else os.path.basename(self._node))

    def _gone(self) -> bool:
        """Unplugged, as against read empty by somebody else: the line hung up, or the node is no longer this device."""
        if "://" in self._node:
            return True  # a socket that is ready and has nothing is closed
        if any(events & (select.POLLHUP | select.POLLNVAL) for _, events in self._poll.poll(0)):
            return True
        try:
            return os.stat(self._node).st_rdev != os.fstat(self._fd).st_rdev
        except OSError:
            return True

    def _robbed(self, at: RawNs) -> None:
        """Bytes were announced and are not there: another reader has them."""
        self.stolen += 1
        if self._looked_at is not None and at - self._looked_at < _AGAIN_NS:
            return
        self._looked_at = at
        found = holders(self._node, self._proc)
        self._notes += [h.sentence() for h in found[:3]] or [
            f"{self.name}: bytes were announced and then gone, so another process reads this port too and both lose bytes. "
            "Find it (as root): fuser -v " + self.name
        ]

    def others(self) -> list[Holder]:
        """Who else holds this port now."""
        return [] if "://" in self._node else holders(self._node, self._proc)

    def write(self, data: bytes) -> None:
        """Send something to the receiver; DeviceMissing when it is gone."""
        if self._port is None:
            self._retry.open(self.open, 0)
        assert self._port is not None
        try:
            self._port.write(data)
        except (OSError, termios.error) as error:
            raise self._lose(f"{self.name} takes no bytes ({error}).") from None

    def close(self) -> None:
        self._shut()
