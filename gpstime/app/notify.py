"""Telling systemd how the service is: a datagram to the socket it names in NOTIFY_SOCKET (sd_notify(3)); nothing without one."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping

from gpstime.times import NS


class Notify:
    """`ready`, `status` and `stopping` say so once; `alive` feeds the watchdog, no oftener than needed.

    `watchdog_s`: half of what systemd waits before it restarts the service (WATCHDOG_USEC, for this process), None without one.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ, now: Callable[[], int] = lambda: 0) -> None:
        self._now = now
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        self.watchdog_s: float | None = None
        self._due = now()
        self._last = ""
        if not self._address:
            return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)  # a systemd that does not listen is no reason to stand still
        usec = environment.get("WATCHDOG_USEC", "")
        if usec.isdigit() and int(usec) and environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
            self.watchdog_s = int(usec) / 2e6

    def _say(self, text: str) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # systemd restarting itself; the next sign of life comes
                self._socket.sendto(text.encode(), self._address)

    def ready(self) -> None:
        self._say("READY=1")

    def status(self, line: str) -> None:
        """One line that `systemctl status` shows."""
        if line != self._last:
            self._last = line
            self._say("STATUS=" + " ".join(line.split()))

    def alive(self) -> None:
        """The thread that thinks is alive."""
        if self.watchdog_s is not None and self._now() >= self._due:
            self._due = self._now() + round(self.watchdog_s / 2 * NS)
            self._say("WATCHDOG=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
