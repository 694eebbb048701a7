"""What this board has, found in sysfs, procfs and /dev without opening a device and without any right: it can disturb no run.

`root` is the board's file system ("/", or a tree made for a test).  Nothing raises for what is absent or unreadable: a list is then
shorter, a text empty.  Devices are told by name, driver and label, never by index: an index changes with the kernel (P10, P27).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gpstime.drivers.board import Bias, Condition, condition, counter_of, family_of, known_bias, model_of
from gpstime.drivers.boot_files import BootFiles, read_boot_files
from gpstime.drivers.chrony_conf import refclocks
from gpstime.drivers.pps_sysfs import KernelPulse, kernel_pulses
from gpstime.drivers.serial_list import SerialPort as SerialPort
from gpstime.drivers.serial_list import serial_ports
from gpstime.drivers.steerers import STEERERS as STEERERS
from gpstime.drivers.sysfs import entries, text

HEADER_CHIPS = {"pinctrl-rp1": "RP1 (Pi 5)", "pinctrl-bcm2711": "BCM2711 (Pi 4)", "pinctrl-bcm2835": "BCM2835 (Pi 0 to 3)"}
"""Labels of the chips that have the pins of the 40-pin header."""
_COMPATIBLE = {
    "raspberrypi,rp1-gpio": "pinctrl-rp1",
    "brcm,bcm2711-gpio": "pinctrl-bcm2711",
    "brcm,bcm2835-gpio": "pinctrl-bcm2835",
}


@dataclass(frozen=True, slots=True)
class PulseDevice:
    """A pulse that the kernel stamps, and what this user may do with it.  `ticking`: whether it came while watched, None if nobody
    watched."""

    kernel: KernelPulse
    there: bool
    allowed: bool
    ticking: bool | None = None

    @property
    def path(self) -> str:
        return f"/dev/{self.kernel.node}"

    @property
    def from_gps(self) -> bool:
        """It may be a receiver's: neither the network chip's clock nor the kernel's test timer."""
        return self.kernel.kind not in ("network", "test")


@dataclass(frozen=True, slots=True)
class GpioChip:
    """`header`: it has the pins of the 40-pin header."""

    path: str
    label: str
    lines: int | None
    header: bool


@dataclass(frozen=True, slots=True)
class I2cBus:
    """`devices`: those that a kernel driver is bound to, as `0x68 rtc-ds1307`; looking for others would mean writing to the bus."""

    path: str
    name: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Steerer:
    """A process that steers the system clock."""

    name: str
    pid: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """All of it.  `absent_pps`: devices that chrony's configuration needs and that are not there, with the file and line."""

    model: str
    kernel: str
    boot: BootFiles
    header_port: str
    serial: tuple[SerialPort, ...]
    pulses: tuple[PulseDevice, ...]
    chips: tuple[GpioChip, ...]
    i2c: tuple[I2cBus, ...]
    rtcs: tuple[str, ...]
    clocksource: str
    counter: str
    condition: Condition
    steerers: tuple[Steerer, ...]
    others: tuple[str, ...]
    absent_pps: tuple[tuple[str, str, int], ...]


def take_inventory(root: Path = Path("/")) -> Inventory:
    """One look at everything."""
    model, counter = model_of(root), counter_of(root)
    names = dict(_processes(root))
    return Inventory(
        model=model,
        kernel=text(root / "proc/sys/kernel/osrelease"),
        boot=read_boot_files(root, model),
        header_port=_link(root, "serial0"),
        serial=tuple(serial_ports(root)),
        pulses=tuple(pulses(root)),
        chips=tuple(_chips(root)),
        i2c=tuple(_i2c(root)),
        rtcs=tuple(f"/dev/{p.name} {text(p / 'name')}".strip() for p in entries(root / "sys/class/rtc")),
        clocksource=text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
        counter=counter.name if counter else "",
        condition=condition(root),
        steerers=tuple(Steerer(STEERERS[name], pid) for pid, name in sorted(names.items()) if name in STEERERS),
        others=tuple(sorted({name for name in names.values() if name in {"gpsd", "ModemManager"}})),
        absent_pps=tuple(_absent_pps(root)),
    )


def lateness(model: str, pulse: PulseDevice) -> Bias | None:
    """How late the kernel's stamps of this pulse are known to be; None where nothing is known."""
    if pulse.kernel.kind == "gpio":
        return known_bias(family_of(model), "kernel")
    return known_bias("", "usb") if pulse.kernel.kind == "usb" else None


def seen_ticking(before: tuple[PulseDevice, ...], after: tuple[PulseDevice, ...]) -> tuple[PulseDevice, ...]:
    """The pulses of a second look, with the word whether an edge has come since the first."""
    first = {p.kernel.node: (p.kernel.asserts, p.kernel.clears) for p in before}
    return tuple(
        replace(p, ticking=(edges := first.get(p.kernel.node)) is not None and edges != (p.kernel.asserts, p.kernel.clears))
        for p in after
    )


def pulses(root: Path = Path("/")) -> Iterator[PulseDevice]:
    """Every /dev/ppsN."""
    for pulse in kernel_pulses(root / "sys/class/pps"):
        node = root / "dev" / pulse.node
        yield PulseDevice(pulse, node.exists(), os.access(node, os.R_OK))


def _chips(root: Path) -> Iterator[GpioChip]:
    for place in entries(root / "sys/bus/gpio/devices"):
        number = place.name.removeprefix("gpiochip")
        if not number.isdigit():
            continue
        real = Path(os.path.realpath(place))
        # labels: since 6.17 by chip number, before by the global number of the first line, which stands beside the chip
        classes = [root / f"sys/class/gpio/chip{number}", *entries(real.parent / "gpio")]
        labelled = [c for c in classes if (c / "label").is_file()]
        label = text(labelled[0] / "label") if labelled else ""
        lines = text(labelled[0] / "ngpio") if labelled else ""
        if not label:
            told = text(real.parent / "of_node/compatible").split("\0") + text(place / "of_node/compatible").split("\0")
            label = next((_COMPATIBLE[word] for word in told if word in _COMPATIBLE), "")
        yield GpioChip(f"/dev/{place.name}", label, int(lines) if lines.isdigit() else None, label in HEADER_CHIPS)


def _i2c(root: Path) -> Iterator[I2cBus]:
    for place in entries(root / "sys/bus/i2c/devices"):
        if number := re.fullmatch(r"i2c-(\d+)", place.name):
            bound = []
            for device in entries(root / "sys/bus/i2c/devices"):
                if (found := re.fullmatch(rf"{number[1]}-([0-9a-f]{{4}})", device.name)) and (device / "driver").exists():
                    bound.append(f"0x{int(found[1], 16):02x} {os.path.basename(os.path.realpath(device / 'driver'))}")
            yield I2cBus(f"/dev/{place.name}", text(place / "name"), tuple(bound))


def _processes(root: Path) -> Iterator[tuple[int, str]]:
    for place in entries(root / "proc"):
        if place.name.isdigit() and (name := text(place / "comm")):
            yield int(place.name), name


def _absent_pps(root: Path) -> Iterator[tuple[str, str, int]]:
    """(device, file, line) of every `refclock PPS` in chrony's configuration whose device is not there: chronyd would not start."""
    for clock in refclocks(root):
        if clock.driver == "PPS" and not (root / clock.device.lstrip("/")).exists():
            yield clock.device, clock.file, clock.line


def _link(root: Path, name: str) -> str:
    """Where /dev/NAME leads, as /dev/..., empty if there is no such link."""
    link = root / "dev" / name
    return "/dev/" + os.path.basename(os.readlink(link)) if link.is_symlink() else ""
