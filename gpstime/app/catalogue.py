"""From a configuration to drivers: the one place that knows every driver, and imports only those that are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import gpstime
from gpstime.app.daemon import Fitted
from gpstime.app.live import LiveTime
from gpstime.app.settings import AUTO, Config
from gpstime.app.sources import Joined, PpsSource, Regular, SerialSource, tick_source
from gpstime.core.leap import BUILT_IN
from gpstime.core.pulse_doctor import ReceiverListener
from gpstime.drivers.adjtimex import SteeringWatch
from gpstime.drivers.board import condition, family_of, known_bias, model_of
from gpstime.drivers.pps_choice import Doors, Wanted, open_pulse
from gpstime.drivers.serial_list import header_ports
from gpstime.drivers.system_clock import Converter, SystemClocks
from gpstime.errors import DeviceError
from gpstime.model import Event, Note, PpsEdge, Temperature
from gpstime.ports import ByteInput, Clocks, EdgeStamp, PpsInput, Together
from gpstime.times import NS, UtcTime

STEERING_S = 300.0
"""How often all processes are looked through for one that steers the clock."""
BY_ID = Path("/dev/serial/by-id")
GPS_WORDS = ("gps", "gnss", "u-blox", "ublox", "u_blox")
"""What USB receivers call themselves."""


def port_of(config: Config, root: Path = Path("/")) -> str:
    """The receiver's port: what the configuration says; with "auto" a USB receiver that says it is one, else the header's UART.

    Where none is there yet, the header's stable name: the service waits for it.
    """
    if config.receiver.port != AUTO:
        return config.receiver.port
    by_id = root / BY_ID.relative_to("/")
    try:
        links = sorted(by_id.iterdir())
    except OSError:
        links = []
    for link in links:
        if any(word in link.name.lower() for word in GPS_WORDS):
            return "/" + str(link.relative_to(root))
    ports = header_ports(root)
    return next((port for port in ports if (root / port[1:]).exists()), ports[0])


def receiver(config: Config, time: LiveTime, readings: Clocks) -> ByteInput | None:
    """The configured receiver, not opened yet; None for none."""
    if config.receiver.source == "none":
        return None
    if config.receiver.source == "gpsd":
        from gpstime.drivers.gpsd import GpsdPort, address

        return GpsdPort(readings, *address(config.receiver.gpsd), time=time)
    from gpstime.drivers.autobaud import WatchedPort
    from gpstime.drivers.serial_port import SerialPort

    baud = config.receiver.baud
    port = SerialPort(port_of(config), 9600 if isinstance(baud, str) else baud, time=time, share=config.receiver.share)
    return WatchedPort(port, None if isinstance(baud, str) else baud)


class PulseDoor:
    """Opens the configured pulse, and knows by then how late its stamps are (P21); calling it raises DeviceError with a remedy."""

    def __init__(self, config: Config, clocks: Clocks, time: LiveTime, doors: Doors | None) -> None:
        p = config.pulse
        self._wanted = Wanted(p.backend, p.device, p.chip, p.line, "clear" if p.edge == "clear" else "assert")
        self._config, self._clocks, self._time, self._doors = config, clocks, time, doors
        self._converter = Converter()
        self.family = family_of(model_of())
        self.heard = ReceiverListener()
        """A sink: what the receiver said meanwhile tells why no pulse comes (P10)."""
        self.facts: dict[str, object] = {"backend": None, "bias_ns": None, "bias_err_ns": None, "bias_why": ""}

    def __call__(self) -> PpsInput:
        pulse, backend, kind = self._opened()
        self.facts["backend"] = backend
        given, known = self._config.pulse.bias_us, known_bias(self.family, kind)
        late_ns, why = 0, "nothing is known of this board and backend"
        doubt_ns: int | None = None
        if not isinstance(given, str):
            late_ns, why = round(given * 1000), "configured"
        elif known is not None:
            late_ns, doubt_ns, why = known.late_ns, known.doubt_ns, known.why
        self._converter.bias_ns = late_ns  # the same one: it goes on counting the steps of the system clock
        self.facts |= {"bias_ns": late_ns, "bias_err_ns": doubt_ns, "bias_why": why}
        return pulse

    def convert(self, stamp: EdgeStamp, before: Together, after: Together) -> PpsEdge | str:
        """See `app.sources.Convert`; with the lateness of the input that is open."""
        return self._converter.convert(stamp, before, after)

    def _opened(self) -> tuple[PpsInput, str, str]:
        """The input, its backend, and what kind of lateness its stamps have."""
        try:
            chosen = open_pulse(self._wanted, self._clocks, self._time, self._doors)
            chosen.receiver = self.heard.seen
        except DeviceError:
            if self._config.receiver.source != "gpsd" or self._wanted.backend != AUTO or self._wanted.device != AUTO:
                raise
            from gpstime.drivers.gpsd import GpsdPulse, address

            passed_on = GpsdPulse(*address(self._config.receiver.gpsd), time=self._time)
            passed_on.open()
            return passed_on, "gpsd", ""
        usb = getattr(getattr(chosen.inner, "pulse", None), "kind", "") == "usb"
        return chosen, chosen.backend, "usb" if usb else "user" if chosen.backend == "rpi-gpio" else chosen.backend


def board_source(every_s: float, time: LiveTime) -> Regular:
    """Temperature for the record; throttling and governor as notes when they change (P20)."""
    told: set[str] = set()

    def look() -> list[Event]:
        found, at = condition(), time.now()
        said = found.said()
        out: list[Event] = [Note(at, f"board: {text}") for text in said if text not in told]
        told.clear()
        told.update(said)
        if found.celsius is not None:
            out.append(Temperature(at, found.sensor, found.celsius))
        return out

    return Regular("board", every_s, look, time)


def lower_bound(record: UtcTime | None) -> UtcTime:
    """A live board's lower bound of time: the day of this release's own leap-second list, or the last recorded second."""
    built = UtcTime.from_unix(BUILT_IN.updated_s * NS)
    return built if record is None else max(built, record)


def fit(
    config: Config,
    time: LiveTime,
    *,
    clocks: Clocks | None = None,
    doors: Doors | None = None,
) -> Fitted:
    """Everything that the configuration asks for. Devices are opened later, by their sources; set-up errors are GpstimeError.

    `clocks` and `doors` stand in for this machine's.
    """
    clocks = SystemClocks() if clocks is None else clocks
    model = model_of()
    fitted = Fitted([], head={"board": model} if model else {})
    started = clocks.read()
    record = config.record.folder
    fitted.not_before = lower_bound(_last_recorded(record))
    if config.pulse.backend != "none":
        door = PulseDoor(config, clocks, time, doors)
        fitted.sources.append(PpsSource(door, clocks, door.convert, time))
        if config.receiver.source != "none":
            fitted.sinks.append(door.heard)
        fitted.parts["stamps"] = lambda: door.facts
        fitted.said.append(f"pulse: {config.pulse.backend if config.pulse.device == AUTO else config.pulse.device}")
    port = receiver(config, time, clocks)
    if port is not None:
        fitted.sources.append(SerialSource(port, time))
        fitted.said.append(f"receiver: {port.name}")
    steering = SteeringWatch()
    parts = [
        tick_source(clocks, config.clocks.tick_s, time),
        board_source(config.clocks.board_s, time),
        Regular("steering", STEERING_S, lambda: steering.look(time.now()), time),
    ]
    fitted.sources.append(Joined(parts, time))
    fitted.head |= {
        "host": os.uname().nodename,
        "started_utc": UtcTime.from_unix(started.real).iso(),
        "tool": f"gpstime {gpstime.__version__}",
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        "not_before": fitted.not_before.iso(),
        "noise": "auto",
    }
    fitted.facts |= {"board": model, "host": fitted.head["host"]}
    if record:
        from gpstime.store.record import Record

        keep = Record(record, fitted.head, commit_s=config.record.commit_s, ring_bytes=config.record.raw_mb << 20, told=fitted.told)
        fitted.sinks.append(keep)
        fitted.parts["record"] = lambda: keep.facts
        fitted.closing.append(keep.close)
        fitted.said.append(f"record: {record}")
    return fitted


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _last_recorded(folder: str) -> UtcTime | None:
    if not folder:
        return None
    from gpstime.store.runs import latest  # only a service with a record pays for reading one

    return latest(folder)
