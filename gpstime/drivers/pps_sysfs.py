"""The kernel's pulse devices as sysfs shows them: what each is, which of them tick, which one a name means (P10).

Told by name, never by number: numbers change with the order in which devices appear.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpstime.drivers.sysfs import text
from gpstime.ports import Timebase

SYSFS = Path("/sys/class/pps")

Kind = Literal["gpio", "serial", "usb", "network", "test", "other"]


@dataclass(frozen=True, slots=True)
class KernelPulse:
    """What sysfs shows of one device: `asserts` and `clears` are sequence numbers, None where that edge is not captured."""

    node: str
    name: str
    path: str
    asserts: int | None
    clears: int | None

    @property
    def kind(self) -> Kind:
        """By the name that the device's driver gave it: pps@12.-1 (overlay), ptp0 (network clock), ttyUSB0 (line discipline)."""
        name = self.name.lower()
        # pps-gpio names a pulse after its node in the device tree, whatever that is, and a number that is always -1 for such nodes
        if name.startswith(("pps@", "pps-gpio", "pps_gpio")) or name.endswith(".-1"):
            return "gpio"
        if name.startswith("ptp"):
            return "network"
        if name.startswith("ktimer"):
            return "test"
        # only the line discipline gives a path, and calls the pulse after the port's driver, which may have any name
        if name.startswith(("ttyusb", "ttyacm", "usbserial", "acm")) or self.path.startswith(("/dev/ttyUSB", "/dev/ttyACM")):
            return "usb"
        return "serial" if name.startswith(("tty", "serial")) or self.path.startswith("/dev/tty") else "other"

    @property
    def pin(self) -> int | None:
        """The GPIO number: the overlay writes it in hexadecimal, pps@12 is GPIO18."""
        found = re.match(r"pps@([0-9a-f]+)", self.name)
        return int(found[1], 16) if found else None

    @property
    def what(self) -> str:
        """For people: "pps1 = pps@12.-1 (GPIO18)"."""
        about = {
            "gpio": "a GPIO" if self.pin is None else f"GPIO{self.pin}",
            "serial": f"a modem line of {self.path or self.name}",
            "usb": f"a modem line of {self.path or self.name} over USB: good to a millisecond",
            "network": "the network interface's clock, not a receiver",
            "test": "the kernel's own test timer, not a receiver",
            "other": "of an unknown driver",
        }[self.kind]
        return f"{self.node} = {self.name} ({about})"


def _sequence(text: str) -> int | None:
    """ "1700000000.000000123#42" is 42."""
    number = text.partition("#")[2]
    return int(number) & 0xFFFF_FFFF if number.lstrip("-").isdigit() else None


def kernel_pulses(sysfs: Path = SYSFS) -> list[KernelPulse]:
    """Every pulse device of this machine, by number."""
    try:
        nodes = [place for place in sysfs.iterdir() if re.fullmatch(r"pps\d+", place.name)]
    except OSError:
        return []
    return [
        KernelPulse(n.name, text(n / "name"), text(n / "path"), _sequence(text(n / "assert")), _sequence(text(n / "clear")))
        for n in sorted(nodes, key=lambda place: int(place.name[3:]))
    ]


def ticking(time: Timebase, seconds: float = 3.0, sysfs: Path = SYSFS) -> dict[str, int]:
    """Watch all devices: how many edges each captured in this time, by name of its node."""
    before = {pulse.node: pulse for pulse in kernel_pulses(sysfs)}
    time.sleep(seconds)
    out = {}
    for now in kernel_pulses(sysfs):
        then = before.get(now.node, now)
        pairs = ((now.asserts, then.asserts), (now.clears, then.clears))
        out[now.node] = sum((a - b) & 0xFFFF_FFFF for a, b in pairs if a is not None and b is not None)
    return out


def named(wanted: str, pulses: list[KernelPulse]) -> list[KernelPulse]:
    """Those that `wanted` may mean: a name in sysfs, whole or up to its dot; a device path; or a node."""
    for fits in (
        lambda p: p.name == wanted,
        lambda p: p.name.split(".")[0] == wanted,
        lambda p: wanted in (p.node, f"/dev/{p.node}"),
        lambda p: bool(p.path) and wanted in (p.path, os.path.basename(p.path)),
    ):
        if found := [pulse for pulse in pulses if fits(pulse)]:
            return found
    return []
