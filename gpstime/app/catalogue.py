"""From a configuration to drivers: the one place that knows every driver, and imports only those that are asked for."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import gpstime
from gpstime.app.daemon import Fitted
from gpstime.app.floor import floor
from gpstime.app.live import LiveTime
from gpstime.app.pulse_door import PulseDoor
from gpstime.app.settings import AUTO, Config
from gpstime.app.sources import Joined, PpsSource, Regular, SerialSource, tick_source
from gpstime.drivers.board import condition, kernel_rtc, model_of
from gpstime.drivers.pps_choice import Doors
from gpstime.drivers.serial_list import header_ports
from gpstime.drivers.steering import SteeringWatch
from gpstime.drivers.system_clock import SystemClocks
from gpstime.model import Event, Note, Temperature
from gpstime.ports import ByteInput, Clocks, Timebase
from gpstime.times import UtcTime

STEERING_S = 60.0
"""How often the kernel is asked what is done to the clock."""
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
    watched = WatchedPort(port, None if isinstance(baud, str) else baud)
    if not config.receiver.send:
        return watched
    from gpstime.core.orders import order
    from gpstime.drivers.receiver_setup import PreparedPort

    return PreparedPort(watched, [order(text) for text in config.receiver.send])


def board_source(every_s: float, time: Timebase, root: Path = Path("/")) -> Regular:
    """Temperature for the record; throttling and governor as notes when they change (P20). `root`: the board's file system."""
    told: set[str] = set()

    def look() -> list[Event]:
        found, at = condition(root), time.now()
        said = found.said()
        out: list[Event] = [Note(at, f"board: {text}") for text in said if text not in told]
        told.clear()
        told.update(said)
        if found.celsius is not None:
            out.append(Temperature(at, found.sensor, found.celsius))
        return out

    return Regular("board", every_s, look, time)


def fit(
    config: Config,
    time: LiveTime,
    *,
    clocks: Clocks | None = None,
    doors: Doors | None = None,
    steering: SteeringWatch | None = None,
) -> Fitted:
    """Everything that the configuration asks for. Devices are opened later, by their sources; set-up errors are GpstimeError.

    `clocks`, `doors` and `steering` stand in for this machine's.
    """
    clocks = SystemClocks() if clocks is None else clocks
    model = model_of()
    fitted = Fitted([], head={"board": model} if model else {})
    started = clocks.read()
    record = config.record.folder
    watch = SteeringWatch() if steering is None else steering
    kernel = watch.kernel()
    synchronized = kernel is not None and kernel.synchronized
    last, fitted.leap_held = _last_recorded(record)
    fitted.not_before, why = floor(last, UtcTime.from_unix(started.real), synchronized, kernel_rtc())
    if why:
        fitted.said.append(why)
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
    if config.rtc.chip != "none":
        from gpstime.app.rtc_fit import rtc_sources

        sources, fitted.trim_of = rtc_sources(config.rtc, time, clocks, doors)
        fitted.sources += sources
        fitted.said.append(f"rtc: {config.rtc.chip}")
    parts = [
        tick_source(clocks, config.clocks.tick_s, time),
        board_source(config.clocks.board_s, time),
        Regular("steering", STEERING_S, lambda: watch.look(time.now()), time),
    ]
    fitted.head |= {
        "host": os.uname().nodename,
        "started_utc": UtcTime.from_unix(started.real).iso(),
        "tool": f"gpstime {gpstime.__version__}",
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        "not_before": fitted.not_before.iso(),
        "synchronized": synchronized,
        "noise": "auto",
    }
    if fitted.leap_held:
        fitted.head["leap_held"] = True
        fitted.said.append(
            "the last run ended before the receiver's leap second count was verified, so it is not taken for right yet"
        )
    fitted.facts |= {"board": model, "host": fitted.head["host"]}
    if config.feeds.sock or config.feeds.shm != "none":
        from gpstime.app.feeds import Feeds, doors_of  # late: most services feed nobody

        fed = doors_of(config.feeds)
        fitted.feeds = feeds = Feeds(fed, time.now, fitted.fed)
        fitted.parts["feeds"] = feeds.facts
        fitted.closing.append(feeds.close)
        fitted.said.append(f"feeds: {', '.join(door.to for door in fed)}")
    if config.discipline.steer:
        from gpstime.app.steering_fit import kernel_clock, outages_of, policy_of  # only who steers pays for it

        fitted.policy, fitted.clock = policy_of(config.discipline, synchronized), kernel_clock(config.discipline, clocks, watch)
        fitted.head["discipline"] = asdict(fitted.policy)
        fitted.outages = outages_of(record, fitted.told)
        fitted.said.append("discipline: this machine's clock is steered")
    if fitted.clock is not None:
        from gpstime.app.beat import Beat

        parts.append(Beat(fitted.clock, time))
    fitted.sources.append(Joined(parts, time))
    if record:
        from gpstime.store.record import Record

        keep = Record(record, fitted.head, commit_s=config.record.commit_s, ring_bytes=config.record.raw_mb << 20, told=fitted.told)
        fitted.sinks.append(keep)
        fitted.parts["record"] = lambda: keep.facts
        fitted.closing.append(keep.close)
        fitted.record = keep
        fitted.said.append(f"record: {record}")
    return fitted


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _last_recorded(folder: str) -> tuple[UtcTime | None, bool]:
    if not folder:
        return None, False
    from gpstime.store.ends import latest, leap_held  # only a service with a record pays for reading one

    return latest(folder), leap_held(folder)
