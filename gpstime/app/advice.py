"""What is wrong with a board and what to change in which file: the advice of `gpstime devices`.

Rules over an `Inventory` (P8 to P13, P18 of the pain list); those about serial ports are in `advice_serial`. Nothing is changed
here: the lines are for a person to put in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gpstime.app.advice_serial import REBOOT, Advice, boot_file, config_file, console, generation, header_port, holders, modem
from gpstime.drivers.inventory import Inventory
from gpstime.drivers.pps_chosen import OLD_OPTION


def advice(found: Inventory) -> list[Advice]:
    """Everything that is worth changing, what blocks a measurement first."""
    rules = (
        boot_file,
        header_port,
        console,
        holders,
        _pulse,
        _pulse_pin,
        _rights,
        modem,
        _chrony,
        _steerers,
        _condition,
        _chip,
    )
    told = [one for rule in rules for one in rule(found)]
    return sorted(told, key=lambda a: a.weight != "wrong")


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
                config_file(found),
                add=("dtoverlay=pps-gpio,gpiopin=18",),
                then=f"{REBOOT}; 18 is what most hats use, Adafruit's Ultimate GPS hat uses 4",
            )
    elif not mine and asked is not None:
        yield Advice(
            "pulse",
            "wrong",
            f"{asked.file} line {asked.number} asks for a pulse and the kernel has none: not rebooted since, another overlay or "
            "program has the pin, or this kernel has no pps-gpio.",
            run=("sudo modprobe pps-gpio", "sudo dmesg | grep -i pps"),
            then=REBOOT,
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
        if word.startswith(OLD_OPTION):
            yield Advice(
                "pulse",
                "wrong",
                "A setting of old kernels is still in the command line and has kept the pulse from coming on new ones.",
                found.boot.cmdline,
                remove=(word,),
                then=REBOOT,
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
