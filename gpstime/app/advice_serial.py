"""What is wrong with a board's serial ports: the UART that is not the one that people think it is, a console, other holders (P8).

And what all advice is made of: the kind of board, the file that counts, `Advice` itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gpstime.drivers.boot_files import BootLine
from gpstime.drivers.inventory import Inventory, SerialPort


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to change.  `weight`: "wrong" (it will not work) or "hint".  `add`, `remove`: words or lines of `file` (empty
    if no file is concerned); `run`: commands."""

    about: str
    weight: str
    what: str
    file: str = ""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    then: str = ""


REBOOT = "reboot"
UDEV = "copy hw/udev/60-gpstime.rules to /etc/udev/rules.d and plug the device in again (or reboot)"


def generation(model: str) -> int | None:
    """5 for a Pi 5, 500 or Compute Module 5, and so on; 1 for the first ones and the Zero; 3 for the Zero 2; None for no Pi."""
    if "Raspberry Pi" not in model:
        return None
    if "Zero" in model:
        return 3 if "Zero 2" in model else 1
    number = re.search(r"(?:Raspberry Pi|Compute Module) (\d)", model)
    return int(number[1]) if number else 1


def has_bluetooth(model: str) -> bool:
    """On these the good UART belongs to Bluetooth unless told otherwise (the Pi 5 has UARTs for both)."""
    if "Zero" in model:
        return "Zero W" in model or "Zero 2" in model
    return generation(model) in (3, 4) and "Compute Module" not in model


def config_file(found: Inventory) -> str:
    return found.boot.config or "/boot/firmware/config.txt"


def _port(found: Inventory, path: str) -> SerialPort | None:
    return next((p for p in found.serial if p.path == path), None)


# ---- the serial port -----------------------------------------------------------------------------------------------------------


def boot_file(found: Inventory) -> Iterator[Advice]:
    for line in found.boot.stale:
        if re.match(r"dtoverlay=(pps-gpio|disable-bt|miniuart-bt)|enable_uart|dtparam=uart0", line.text):
            yield Advice(
                line.file,
                "wrong",
                f"{line.file} is not read any more: its line {line.number} has no effect.",
                found.boot.config,
                add=(line.text,),
                then=REBOOT,
            )


def header_port(found: Inventory) -> Iterator[Advice]:
    kind, boot, file = generation(found.model), found.boot, config_file(found)
    if kind is None:
        return
    usb = any(p.usb for p in found.serial)
    missing = "hint" if usb else "wrong"  # a USB receiver needs no header
    pl011 = _port(found, "/dev/ttyAMA0")
    if kind >= 5:
        asked = boot.find(r"dtparam=uart0(=on)?$") or boot.overlay("uart0-pi5")
        if pl011 is None and asked:
            yield _not_yet(asked)
        elif pl011 is None:
            yield Advice(
                "header UART",
                missing,
                "On this board the UART of the 40-pin header is off; /dev/serial0 is the three-pin debug connector.",
                file,
                add=("dtparam=uart0=on",),
                then=f"{REBOOT}; the receiver is then on /dev/ttyAMA0",
            )
        return
    moved = boot.overlay("disable-bt") or boot.overlay("pi3-disable-bt") or boot.overlay("miniuart-bt")
    mini = _port(found, "/dev/ttyS0")
    if has_bluetooth(found.model) and not moved:
        fixed = boot.find(r"enable_uart=1") or boot.find(r"core_freq=250") or boot.find(r"force_turbo=1")
        yield Advice(
            "header UART",
            missing if mini is None or not fixed else "hint",
            "Bluetooth has the good UART; the header has the mini UART"
            + (" and it is off." if mini is None else ", whose baud rate follows the core clock." if not fixed else "."),
            file,
            add=("enable_uart=1", "dtoverlay=disable-bt"),
            run=("sudo systemctl disable --now hciuart",),
            then=f"{REBOOT}; the receiver is then on /dev/ttyAMA0 (without Bluetooth; dtoverlay=miniuart-bt keeps it)",
        )
    elif pl011 is None and not boot.find(r"enable_uart=1"):
        yield Advice("header UART", missing, "The UART of the 40-pin header is off.", file, add=("enable_uart=1",), then=REBOOT)
    elif moved and found.header_port == "/dev/ttyS0":
        yield _not_yet(moved)


def _not_yet(line: BootLine) -> Advice:
    what = f"{line.file} line {line.number} ({line.text}) moves the header's UART to /dev/ttyAMA0, and it is not there."
    return Advice("header UART", "wrong", what, then=f"{REBOOT}, if that was not done since the line was put in")


def console(found: Inventory) -> Iterator[Advice]:
    kind = generation(found.model)
    if kind is None:
        return
    header = "/dev/ttyAMA0" if kind >= 5 else found.header_port or "/dev/ttyAMA0"
    for word in found.boot.arguments:
        port = re.match(r"console=((?:serial|tty)\w+)(?:,|$)", word)
        if port is None or re.fullmatch(r"tty\d+", port[1]):
            continue
        node = f"/dev/{port[1]}"
        if (found.header_port if node == "/dev/serial0" else node) != header:
            continue  # on a Pi 5 the console is on the debug connector, which disturbs nobody
        yield Advice(
            "login console",
            "wrong",
            f"The kernel's login console is on {header}: it talks to the receiver and takes bytes from it.",
            found.boot.cmdline or "/boot/firmware/cmdline.txt",
            remove=(word,),
            run=(f"sudo systemctl disable --now serial-getty@{header.removeprefix('/dev/')}.service",),
            then=REBOOT,
        )


def holders(found: Inventory) -> Iterator[Advice]:
    for port in found.serial:
        for holder in port.holders:
            yield Advice(port.path, "wrong", holder.sentence())


def modem(found: Inventory) -> Iterator[Advice]:
    usb = [p for p in found.serial if p.usb and not any(h.command == "ModemManager" for h in p.holders)]
    if usb and "ModemManager" in found.others:
        yield Advice(
            usb[0].path,
            "hint",
            "ModemManager runs and sends AT commands to new USB serial ports, a receiver's too.",
            run=("sudo systemctl disable --now ModemManager",),
            then=f"or {UDEV}",
        )
