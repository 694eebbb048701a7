"""From a configuration to drivers: the one place that knows every driver, and imports only those that are asked for."""

from __future__ import annotations

import os
from pathlib import Path

from gpstime.app.daemon import Fitted
from gpstime.app.live import LiveTime
from gpstime.app.settings import AUTO, Config
from gpstime.app.sources import SerialSource
from gpstime.drivers.serial_list import header_ports
from gpstime.errors import DeviceMissing
from gpstime.ports import ByteInput

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


def receiver(config: Config, time: LiveTime) -> ByteInput | None:
    """The configured receiver, not opened yet; None for none."""
    if config.receiver.source == "none":
        return None
    if config.receiver.source == "gpsd":
        raise DeviceMissing('gpsd as a source is not fitted yet: use source = "serial"')
    from gpstime.drivers.autobaud import WatchedPort
    from gpstime.drivers.serial_port import SerialPort

    baud = config.receiver.baud
    port = SerialPort(port_of(config), 9600 if isinstance(baud, str) else baud, time=time, share=config.receiver.share)
    return WatchedPort(port, None if isinstance(baud, str) else baud)


def fit(config: Config, time: LiveTime) -> Fitted:
    """Everything that the configuration asks for. Devices are opened later, by their sources; set-up errors are GpstimeError."""
    fitted = Fitted([], head={"host": os.uname().nodename})
    port = receiver(config, time)
    if port is not None:
        fitted.sources.append(SerialSource(port, time))
        fitted.said.append(f"receiver: {port.name}")
    return fitted
