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
from gpstime.drivers.holders import Holder, holders
from gpstime.drivers.pps_kernel import KernelPulse, kernel_pulses

HEADER_CHIPS = {"pinctrl-rp1": "RP1 (Pi 5)", "pinctrl-bcm2711": "BCM2711 (Pi 4)", "pinctrl-bcm2835": "BCM2835 (Pi 0 to 3)"}
"""Labels of the chips that have the pins of the 40-pin header."""
_COMPATIBLE = {
    "raspberrypi,rp1-gpio": "pinctrl-rp1",
    "brcm,bcm2711-gpio": "pinctrl-bcm2711",
    "brcm,bcm2835-gpio": "pinctrl-bcm2835",
}
STEERERS = {
    "chronyd": "chronyd",
    "ntpd": "ntpd",
    "ntp-daemon": "ntpd-rs",
    "systemd-timesyn": "systemd-timesyncd",  # the kernel keeps 15 characters of a name
    "systemd-timesyncd": "systemd-timesyncd",
    "phc2sys": "phc2sys",
}
"""Programs that set or slew the system clock, by the kernel's name for the process."""
_WRAPPERS = {"port", "ctrl", "serial-base"}
"""Since 6.5 the kernel puts a port of its own between a serial port and its driver."""


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
        kernel=_text(root / "proc/sys/kernel/osrelease"),
        boot=read_boot_files(root, model),
        header_port=_link(root, "serial0"),
        serial=tuple(_serial(root)),
        pulses=tuple(pulses(root)),
        chips=tuple(_chips(root)),
        i2c=tuple(_i2c(root)),
        rtcs=tuple(f"/dev/{p.name} {_text(p / 'name')}".strip() for p in _entries(root / "sys/class/rtc")),
        clocksource=_text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
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


def _serial(root: Path) -> Iterator[SerialPort]:
    links = {
        os.path.basename(os.path.realpath(link)): f"/dev/serial/by-id/{link.name}" for link in _entries(root / "dev/serial/by-id")
    }
    for place in _entries(root / "sys/class/tty"):
        if not re.match(r"tty(AMA|S|USB|ACM|SC|O|mxc)\d", place.name) or not (place / "device").exists():
            continue
        driver, usb = _driver(place / "device")
        if driver in ("", "serial8250") and _text(place / "type") in ("", "0"):
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


def _chips(root: Path) -> Iterator[GpioChip]:
    for place in _entries(root / "sys/bus/gpio/devices"):
        number = place.name.removeprefix("gpiochip")
        if not number.isdigit():
            continue
        real = Path(os.path.realpath(place))
        # labels: since 6.17 by chip number, before by the global number of the first line, which stands beside the chip
        classes = [root / f"sys/class/gpio/chip{number}", *_entries(real.parent / "gpio")]
        labelled = [c for c in classes if (c / "label").is_file()]
        label = _text(labelled[0] / "label") if labelled else ""
        lines = _text(labelled[0] / "ngpio") if labelled else ""
        if not label:
            told = _text(real.parent / "of_node/compatible").split("\0") + _text(place / "of_node/compatible").split("\0")
            label = next((_COMPATIBLE[word] for word in told if word in _COMPATIBLE), "")
        yield GpioChip(f"/dev/{place.name}", label, int(lines) if lines.isdigit() else None, label in HEADER_CHIPS)


def _i2c(root: Path) -> Iterator[I2cBus]:
    for place in _entries(root / "sys/bus/i2c/devices"):
        if number := re.fullmatch(r"i2c-(\d+)", place.name):
            bound = []
            for device in _entries(root / "sys/bus/i2c/devices"):
                if (found := re.fullmatch(rf"{number[1]}-([0-9a-f]{{4}})", device.name)) and (device / "driver").exists():
                    bound.append(f"0x{int(found[1], 16):02x} {os.path.basename(os.path.realpath(device / 'driver'))}")
            yield I2cBus(f"/dev/{place.name}", _text(place / "name"), tuple(bound))


def _processes(root: Path) -> Iterator[tuple[int, str]]:
    for place in _entries(root / "proc"):
        if place.name.isdigit() and (name := _text(place / "comm")):
            yield int(place.name), name


def _absent_pps(root: Path) -> Iterator[tuple[str, str, int]]:
    """(device, file, line) of every `refclock PPS` in chrony's configuration whose device is not there: chronyd would not start."""
    files = [root / "etc/chrony/chrony.conf", root / "etc/chrony.conf", *_entries(root / "etc/chrony/conf.d")]
    for file in files:
        for number, line in enumerate(_text(file).splitlines(), 1):
            found = re.match(r"\s*refclock\s+PPS\s+(/dev/[\w/]+)", line)
            if found and not (root / found[1].lstrip("/")).exists():
                yield found[1], "/" + file.relative_to(root).as_posix(), number


def _link(root: Path, name: str) -> str:
    """Where /dev/NAME leads, as /dev/..., empty if there is no such link."""
    link = root / "dev" / name
    return "/dev/" + os.path.basename(os.readlink(link)) if link.is_symlink() else ""


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, with 2 before 10."""
    try:
        return sorted(
            folder.iterdir(), key=lambda p: [(not w.isdigit(), int(w) if w.isdigit() else 0, w) for w in re.split(r"(\d+)", p.name)]
        )
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_bytes()[: 1 << 16].decode("utf-8", "replace").strip("\0\n ")
    except OSError:
        return ""
