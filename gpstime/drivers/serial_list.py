"""The serial ports that have hardware behind them, what drives each, and who holds it; read from sysfs, nothing is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gpstime.drivers.board import family_of, model_of
from gpstime.drivers.holders import Holder, holders
from gpstime.drivers.sysfs import entries, text

_WRAPPERS = {"port", "ctrl", "serial-base"}
"""Since 6.5 the kernel puts a port of its own between a serial port and its driver."""


HEADER_PORTS = ("/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0")


def header_ports(root: Path = Path("/")) -> tuple[str, ...]:
    """The names that the UART of the 40-pin header may have on this board, the stable one first.

    On a Pi 5 /dev/serial0 is the debug connector, where no hat ever speaks (P8).
    """
    return ("/dev/ttyAMA0",) if family_of(model_of(root)) == "pi5" else HEADER_PORTS


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A serial port with hardware behind it.  `link`: the name that stays (/dev/serial/by-id/...), empty if there is none."""

    path: str
    driver: str
    what: str
    link: str
    usb: bool
    allowed: bool
    holders: tuple[Holder, ...]


def serial_ports(root: Path) -> Iterator[SerialPort]:
    links = {
        os.path.basename(os.path.realpath(link)): f"/dev/serial/by-id/{link.name}" for link in entries(root / "dev/serial/by-id")
    }
    for place in entries(root / "sys/class/tty"):
        if not re.match(r"tty(AMA|S|USB|ACM|SC|O|mxc)\d", place.name) or not (place / "device").exists():
            continue
        driver, usb = _driver(place / "device")
        if driver in ("", "serial8250") and text(place / "type") in ("", "0"):
            continue  # a PC's place for a port that nobody has built in
        path = f"/dev/{place.name}"
        node = root / "dev" / place.name
        yield SerialPort(
            path,
            driver,
            _SERIAL_KINDS.get(driver, "USB serial" if usb else "serial port"),
            links.get(place.name, ""),
            usb,
            os.access(node, os.R_OK | os.W_OK),
            tuple(holders(path, root / "proc")),
        )


_SERIAL_KINDS = {
    "uart-pl011": "PL011, the good UART",
    "bcm2835-aux-uart": "mini UART, whose baud rate follows the core clock",
    "cdc_acm": "USB, a receiver of its own",
    "ftdi_sio": "USB serial (FTDI)",
    "cp210x": "USB serial (CP210x)",
    "ch341": "USB serial (CH340/CH341)",
    "pl2303": "USB serial (PL2303)",
}


def _driver(device: Path) -> tuple[str, bool]:
    """(driver, on USB): of the first device upwards that has a driver which is not the serial core's own."""
    place = Path(os.path.realpath(device))
    usb = bool(re.search(r"/usb\d", str(place)))
    for folder in (place, *place.parents):
        driver = folder / "driver"
        if driver.is_symlink() or driver.exists():
            name = os.path.basename(os.path.realpath(driver))
            if name not in _WRAPPERS:
                # usb-serial ports have a driver of their own kind (`ftdi_sio`), cdc_acm sits on the interface
                return name, usb
        if folder.name == "devices":
            break
    return "", usb
