"""gpsd as a source, where it already owns the receiver: its JSON over TCP for the time (`ports.ByteInput`) and the pulse
(`ports.PpsInput`). Two connections, one each: gpsd serves many.

What is recorded is gpsd's own lines, TPV and TOFF, as `SerialBytes` of port `gpsd`; `core/gpsd` reads them, live and in a replay.
A TOFF says when the burst's first byte arrived, on the system clock; its line is stamped with that instant on the raw clock.

gpsd's PPS report gives the system clock at the pulse. The second that gpsd puts to it is not used: naming the second is our own
business. Prefer the kernel's /dev/ppsN where it can be opened: gpsd passes the same stamp on, later and without saying who made it.
"""

from __future__ import annotations

import json
import select
import socket
from collections import deque
from typing import Any

from gpstime.core.gpsd import LONGEST
from gpstime.drivers.retry import Retry
from gpstime.drivers.timebase import MachineTime
from gpstime.errors import DeviceError, DeviceMissing, UsageError
from gpstime.model import SerialBytes
from gpstime.ports import Clocks, EdgeStamp, Timebase
from gpstime.times import NS, RawNs

HOST, PORT = "127.0.0.1", 2947
CONNECT_S = 2.0
QUIET_NS = 10 * NS
"""Without a report for this long after connecting, something is wrong behind gpsd."""
OLDEST_NS = 3 * NS
"""A burst that gpsd says began longer ago than this: its stamp is not of this burst, or the clock was stepped."""
ALONE = 30
"""TPVs with a fix in a row without a TOFF, several of which may come in a second."""
_ROLLED = ("3.20", "3.21", "3.22")


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
        report = _report(line)
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


class GpsdPort:
    """gpsd's word of the time. Fits `ports.ByteInput`. `clocks` relates gpsd's stamps to the raw clock."""

    def __init__(self, clocks: Clocks, host: str = HOST, port: int = PORT, *, time: Timebase | None = None) -> None:
        self._time = time or MachineTime()
        self._connection = Connection(host, port, b'?WATCH={"enable":true,"json":true,"pps":true};\n', self._time)
        self._clocks = clocks
        self.name = self._connection.where
        self._notes: list[str] = []
        self._quiet_since: RawNs | None = None
        self._fixes_alone = 0
        self.unusable = 0
        """TOFFs whose stamp could not be."""

    def open(self) -> None:
        """Connect now, or say what is in the way."""
        self._connection.open()
        self._connection.retry.opened()

    def notes(self) -> list[str]:
        said, self._notes = self._notes, []
        return said

    def read(self, timeout_s: float) -> SerialBytes | None:
        """The next report of a time; None after `timeout_s` without any line, or for a line of another kind."""
        try:
            line = self._connection.line(timeout_s)
        except DeviceError:
            self._quiet_since = None
            raise
        now = self._time.now()
        if self._quiet_since is None:
            self._quiet_since = now
        if line is not None and line.startswith(b'{"class":"TPV"'):
            self._quiet_since = RawNs(2**62)
            self._fixes_alone += b'"mode":2' in line or b'"mode":3' in line
            if self._fixes_alone == ALONE:
                self._notes.append(
                    f"{self.name} says that there is a fix, but never when a burst of the receiver begins (no TOFF), so it can't "
                    "name the seconds. Use a newer gpsd (3.17 or later), or the receiver's own port."
                )
            return SerialBytes(now, line, "gpsd")
        if line is not None and line.startswith(b'{"class":"TOFF"'):
            self._fixes_alone = 0
            at = self._began(line)
            if at is None:
                self.unusable += 1
                return None
            return SerialBytes(at, line, "gpsd")
        if line is not None and not line.startswith(b'{"class":"SKY"'):
            text = self._connection.greeting(line)
            if text:
                self._notes.append(text)
        if now - self._quiet_since > QUIET_NS:
            self._quiet_since = RawNs(2**62)
            devices = self._connection.devices
            which = " and ".join(devices) if devices else "no device"
            self._notes.append(
                f"{self.name} has reported no time for {QUIET_NS // NS} s (it reads {which}): is the receiver plugged in? If gpsd "
                "hangs, systemctl restart gpsd; with -n in GPSD_OPTIONS it opens the receiver at once."
            )
        return None

    def _began(self, line: bytes) -> RawNs | None:
        """The raw clock at the first byte of the burst of a TOFF; None for a stamp that can't be of a burst just read."""
        stamp = _instant(_report(line), "clock")
        if stamp is None:
            return None
        together = self._clocks.read()
        ago = together.real - stamp
        return RawNs(together.raw - ago) if -together.err_ns <= ago <= OLDEST_NS else None

    def write(self, data: bytes) -> None:
        """Nothing: gpsd owns the receiver."""
        raise DeviceError(f"{self.name} owns the receiver: nothing can be sent to it through gpsd. Use gpsctl, or the port itself.")

    def close(self) -> None:
        self._connection.close()


class GpsdPulse:
    """gpsd's word of the pulse. Fits `ports.PpsInput`. `device`: the one whose pulses to take (None: the first that gives one)."""

    def __init__(self, host: str = HOST, port: int = PORT, device: str | None = None, *, time: Timebase | None = None) -> None:
        self._connection = Connection(host, port, b'?WATCH={"enable":true,"json":false,"pps":true};\n', time or MachineTime())
        self._device = device
        self._seq = 0
        self._last = 0
        self.name = f"{self._connection.where}, PPS"

    def open(self) -> None:
        self._connection.open()
        self._connection.retry.opened()

    def wait(self, timeout_s: float) -> EdgeStamp | None:
        """See `ports.PpsInput`. A report that is no new pulse of this device gives None too, early."""
        line = self._connection.line(timeout_s)
        if line is None or not line.startswith(b'{"class":"PPS"'):
            return None
        report = _report(line)
        stamp, device = _instant(report, "clock"), report.get("device")
        if stamp is None or stamp == self._last or not isinstance(device, str):
            return None
        if self._device is None:
            self._device = device
        if device != self._device:
            return None
        self._last = stamp
        self._seq += 1
        return EdgeStamp("real", stamp, "assert", self._seq, "gpsd")

    def close(self) -> None:
        self._connection.close()


def _report(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _instant(report: dict[str, Any], what: str) -> int | None:
    """ns of `<what>_sec` and `<what>_nsec`."""
    s, ns = report.get(f"{what}_sec"), report.get(f"{what}_nsec")
    return s * NS + ns if isinstance(s, int) and isinstance(ns, int) and 0 <= ns < NS else None
