"""What is wrong with a board and what to change in which file: the advice of `gpstime devices`.

Rules over an `Inventory` (P8 to P13, P18 of the pain list). Nothing is changed here: the lines are for a person to put in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

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


_REBOOT = "reboot"
_UDEV = "copy hw/udev/60-gpstime.rules to /etc/udev/rules.d and plug the device in again (or reboot)"


def advice(found: Inventory) -> list[Advice]:
    """Everything that is worth changing, what blocks a measurement first."""
    rules = (
        _boot_file,
        _header_port,
        _console,
        _holders,
        _pulse,
        _pulse_pin,
        _rights,
        _modem,
        _chrony,
        _steerers,
        _condition,
        _chip,
    )
    told = [one for rule in rules for one in rule(found)]
    return sorted(told, key=lambda a: a.weight != "wrong")


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


def _config(found: Inventory) -> str:
    return found.boot.config or "/boot/firmware/config.txt"


def _port(found: Inventory, path: str) -> SerialPort | None:
    return next((p for p in found.serial if p.path == path), None)


# ---- the serial port -----------------------------------------------------------------------------------------------------------


def _boot_file(found: Inventory) -> Iterator[Advice]:
    for line in found.boot.stale:
        if re.match(r"dtoverlay=(pps-gpio|disable-bt|miniuart-bt)|enable_uart|dtparam=uart0", line.text):
            yield Advice(
                line.file,
                "wrong",
                f"{line.file} is not read any more: its line {line.number} has no effect.",
                found.boot.config,
                add=(line.text,),
                then=_REBOOT,
            )


def _header_port(found: Inventory) -> Iterator[Advice]:
    kind, boot, file = generation(found.model), found.boot, _config(found)
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
                then=f"{_REBOOT}; the receiver is then on /dev/ttyAMA0",
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
            then=f"{_REBOOT}; the receiver is then on /dev/ttyAMA0 (without Bluetooth; dtoverlay=miniuart-bt keeps it)",
        )
    elif pl011 is None and not boot.find(r"enable_uart=1"):
        yield Advice("header UART", missing, "The UART of the 40-pin header is off.", file, add=("enable_uart=1",), then=_REBOOT)
    elif moved and found.header_port == "/dev/ttyS0":
        yield _not_yet(moved)


def _not_yet(line: BootLine) -> Advice:
    what = f"{line.file} line {line.number} ({line.text}) moves the header's UART to /dev/ttyAMA0, and it is not there."
    return Advice("header UART", "wrong", what, then=f"{_REBOOT}, if that was not done since the line was put in")


def _console(found: Inventory) -> Iterator[Advice]:
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
            then=_REBOOT,
        )


def _holders(found: Inventory) -> Iterator[Advice]:
    for port in found.serial:
        for holder in port.holders:
            yield Advice(port.path, "wrong", holder.sentence())


def _modem(found: Inventory) -> Iterator[Advice]:
    usb = [p for p in found.serial if p.usb and not any(h.command == "ModemManager" for h in p.holders)]
    if usb and "ModemManager" in found.others:
        yield Advice(
            usb[0].path,
            "hint",
            "ModemManager runs and sends AT commands to new USB serial ports, a receiver's too.",
            run=("sudo systemctl disable --now ModemManager",),
            then=f"or {_UDEV}",
        )


# ---- the pulse -----------------------------------------------------------------------------------------------------------------


def _pulse(found: Inventory) -> Iterator[Advice]:
    mine = [p for p in found.pulses if p.from_gps]
    asked = found.boot.overlay("pps-gpio")
    if not mine and asked is None:
        if generation(found.model) is not None:
            others = f" ({', '.join(p.kernel.what for p in found.pulses)})" if found.pulses else ""
            yield Advice(
                "pulse",
                "wrong",
                f"The kernel stamps no pulse from a GPIO{others}.",
                _config(found),
                add=("dtoverlay=pps-gpio,gpiopin=18",),
                then=f"{_REBOOT}; 18 is what most hats use, Adafruit's Ultimate GPS hat uses 4",
            )
    elif not mine and asked is not None:
        yield Advice(
            "pulse",
            "wrong",
            f"{asked.file} line {asked.number} asks for a pulse and the kernel has none: not rebooted since, another overlay or "
            "program has the pin, or this kernel has no pps-gpio.",
            run=("sudo modprobe pps-gpio", "sudo dmesg | grep -i pps"),
            then=_REBOOT,
        )
    if mine and not any(p.ticking for p in mine) and all(p.ticking is not None for p in mine):
        names = ", ".join(p.kernel.what for p in mine)
        yield Advice(
            mine[0].path,
            "hint",
            f"No pulse came on {names} while watched. Most receivers pulse only with a fix: look at the satellites first "
            "(antenna, sky), then at the pin that the hat uses, then at the wire.",
        )


def _pulse_pin(found: Inventory) -> Iterator[Advice]:
    for word in found.boot.arguments:
        if word.startswith("bcm2708.pps_gpio_pin="):
            yield Advice(
                "pulse",
                "wrong",
                "A setting of old kernels is still in the command line and has kept the pulse from coming on new ones.",
                found.boot.cmdline,
                remove=(word,),
                then=_REBOOT,
            )


# ---- rights, daemons, chips ----------------------------------------------------------------------------------------------------


def _rights(found: Inventory) -> Iterator[Advice]:
    for port in found.serial:
        if not port.allowed:
            yield Advice(
                port.path,
                "wrong",
                f"This user may not open {port.path}.",
                run=("sudo usermod -aG dialout $USER",),
                then="log out and in again (a service: SupplementaryGroups=dialout)",
            )
    for pulse in found.pulses:
        if pulse.from_gps and pulse.there and not pulse.allowed:
            yield Advice(
                pulse.path,
                "wrong",
                f"This user may not open {pulse.path}: no group may by default.",
                "/etc/udev/rules.d/60-gpstime.rules",
                add=('SUBSYSTEM=="pps", GROUP="gpio", MODE="0660"',),
                run=(
                    "sudo usermod -aG gpio $USER",
                    "sudo udevadm control --reload",
                    "sudo udevadm trigger --subsystem-match=pps",
                ),
                then="log out and in again (a service: SupplementaryGroups=gpio)",
            )


def _chrony(found: Inventory) -> Iterator[Advice]:
    for device, file, line in found.absent_pps:
        yield Advice(
            device,
            "wrong",
            f"chronyd does not start while {device} is missing, and {file} line {line} needs it: then nothing keeps the clock.",
            file,
            remove=(f"refclock PPS {device} ...",),
            then="systemctl restart chrony",
        )


def _steerers(found: Inventory) -> Iterator[Advice]:
    if len(names := sorted({s.name for s in found.steerers})) > 1:
        keep = "chronyd" if "chronyd" in names else names[0]
        yield Advice(
            "system clock",
            "wrong",
            f"{' and '.join(names)} steer one clock at the same time.",
            run=tuple(f"sudo systemctl disable --now {name}" for name in names if name != keep),
            then=f"{keep} stays. The crystal's measurement is not touched by it, the system clock is",
        )


def _condition(found: Inventory) -> Iterator[Advice]:
    # the governor is shown but no advice: it is what every Pi has, and moves stamps by microseconds only
    for sentence in replace(found.condition, governor="").said():
        yield Advice("clock", "hint", sentence[0].upper() + sentence[1:] + ".")


def _chip(found: Inventory) -> Iterator[Advice]:
    if generation(found.model) is not None and found.chips and not any(c.header for c in found.chips):
        yield Advice(
            "GPIO",
            "hint",
            "None of the GPIO chips has a label of the 40-pin header: only the kernel's own pulse can be used.",
        )
