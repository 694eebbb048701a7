"""A connection to gpsd: lines of JSON, what it says of itself, and the first look at a line. What lines mean is in `gpsd`."""

from __future__ import annotations

import json
import re
import select
import socket
from collections import deque
from typing import Any

from gpstime.core.gpsd import LONGEST
from gpstime.drivers.retry import Retry
from gpstime.errors import DeviceMissing, UsageError
from gpstime.ports import Timebase
from gpstime.times import NS

HOST, PORT = "127.0.0.1", 2947
CONNECT_S = 2.0
_ROLLED = ("3.20", "3.21", "3.22")
_FIRST = re.compile(rb'\{"class":"([A-Z]+)"')


def address(text: str) -> tuple[str, int]:
    """(host, port) of `host:port`, `host`, `:port` or `[::1]:port`; UsageError for anything else."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or port.endswith("]"):
        host, port = text.strip(), str(PORT)
    host = host.removeprefix("[").removesuffix("]") or HOST
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536) or any(c.isspace() or c == "/" for c in host):
        raise UsageError(f"not an address of a gpsd: {text!r}; write it like localhost:{PORT}")
    return host, int(port)


class Connection:
    """Lines from one gpsd, of the reports asked for in `watch`; `devices` is what it says that it reads."""

    def __init__(self, host: str, port: int, watch: bytes, time: Timebase) -> None:
        self.where = f"gpsd at {host}:{port}"
        self.devices: list[str] | None = None
        self.release = ""
        self._address, self._watch, self._time = (host, port), watch, time
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._lines: deque[bytes] = deque()
        self.retry = Retry(time)

    def open(self) -> None:
        if self._socket is not None:
            return
        try:
            self._socket = socket.create_connection(self._address, CONNECT_S)
            self._socket.sendall(self._watch)
        except OSError as error:
            self.close()
            raise DeviceMissing(
                f"{self.where} does not answer ({error.strerror or error}). Start it: systemctl start gpsd.socket gpsd, or read "
                "the receiver's own port instead."
            ) from None
        self._buffer = b""
        self._lines.clear()

    def line(self, timeout_s: float) -> bytes | None:
        """The next line; None after `timeout_s` without one. Connects again after a loss; DeviceMissing while it can't."""
        if self._socket is None:
            self.retry.open(self.open, timeout_s)
        while not self._lines:
            assert self._socket is not None
            if not select.select([self._socket], [], [], timeout_s)[0]:
                return None
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            if not data:
                self.close()
                gone = DeviceMissing(f"{self.where} closed the connection: it was stopped or restarted.")
                self.retry.failed(gone)
                raise gone
            *lines, self._buffer = (self._buffer + data).split(b"\n")
            self._lines.extend(lines)
            if len(self._buffer) > LONGEST:
                self._buffer = b""
        return self._lines.popleft() + b"\n"

    def greeting(self, line: bytes) -> str:
        """VERSION, DEVICES, DEVICE and ERROR lines: remembers them; a sentence for people where one is due, else empty."""
        report = report_of(line)
        kind = report.get("class")
        if kind == "VERSION":
            self.release = str(report.get("release", ""))
            if self.release.startswith(_ROLLED):
                return f"{self.where} is release {self.release}; 3.20 to 3.22 are known for dates 1024 weeks off, unless mended."
        elif kind == "DEVICES":
            found = report.get("devices")
            self.devices = [str(d.get("path")) for d in found if isinstance(d, dict)] if isinstance(found, list) else []
            if not self.devices:
                return f'{self.where} has no receiver: put it into DEVICES="..." in /etc/default/gpsd, then systemctl restart gpsd.'
        elif kind == "ERROR":
            return f"{self.where}: {str(report.get('message', ''))[:200]}"
        return ""

    def close(self) -> None:
        gone, self._socket = self._socket, None
        if gone is not None:
            gone.close()


def report_of(line: bytes) -> dict[str, Any]:
    """The object of a line; empty for what is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def instant_of(report: dict[str, Any], what: str) -> int | None:
    """ns of `<what>_sec` and `<what>_nsec`."""
    s, ns = report.get(f"{what}_sec"), report.get(f"{what}_nsec")
    return s * NS + ns if isinstance(s, int) and isinstance(ns, int) and 0 <= ns < NS else None


def class_of(line: bytes) -> str:
    """The class of a report; empty for what is none. gpsd puts it first and without a space, which costs nothing to look at."""
    found = _FIRST.match(line)
    return found[1].decode() if found else str(report_of(line).get("class", ""))
