"""gpsd as a source, where it already owns the receiver: its JSON over TCP for the time (`ports.ByteInput`) and the pulse
(`ports.PpsInput`). Two connections, one each: gpsd serves many.

What is recorded is gpsd's own lines, TPV and TOFF, as `SerialBytes` of port `gpsd`; `core/gpsd` reads them, live and in a replay.
A TOFF says when the burst's first byte arrived, on the system clock; its line is stamped with that instant on the raw clock.

gpsd's PPS report gives the system clock at the pulse. The second that gpsd puts to it is not used: naming the second is our own
business. Prefer the kernel's /dev/ppsN where it can be opened: gpsd passes the same stamp on, later and without saying who made it.
"""

from __future__ import annotations

from gpstime.drivers.gpsd_connection import HOST, PORT, Connection, address, class_of, instant_of, report_of
from gpstime.drivers.timebase import MachineTime
from gpstime.errors import DeviceError
from gpstime.model import SerialBytes
from gpstime.ports import Clocks, EdgeStamp, Timebase
from gpstime.times import NS, RawNs

__all__ = ["GpsdPort", "GpsdPulse", "address"]

QUIET_NS = 10 * NS
"""Without a report for this long after connecting, something is wrong behind gpsd."""
OLDEST_NS = 3 * NS
"""A burst that gpsd says began longer ago than this: its stamp is not of this burst, or the clock was stepped."""
ALONE = 30
"""TPVs with a fix in a row without a TOFF, several of which may come in a second."""


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
        kind = "" if line is None else class_of(line)
        if line is not None and kind == "TPV":
            self._quiet_since = RawNs(2**62)
            self._fixes_alone += report_of(line).get("mode") in (2, 3)
            if self._fixes_alone == ALONE:
                self._notes.append(
                    f"{self.name} says that there is a fix, but never when a burst of the receiver begins (no TOFF), so it can't "
                    "name the seconds. Use a newer gpsd (3.17 or later), or the receiver's own port."
                )
            return SerialBytes(now, line, "gpsd")
        if line is not None and kind == "TOFF":
            self._fixes_alone = 0
            at = self._began(line)
            if at is None:
                self.unusable += 1
                return None
            return SerialBytes(at, line, "gpsd")
        if line is not None and kind != "SKY":
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
        stamp = instant_of(report_of(line), "clock")
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
        if line is None or class_of(line) != "PPS":
            return None
        report = report_of(line)
        stamp, device = instant_of(report, "clock"), report.get("device")
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
