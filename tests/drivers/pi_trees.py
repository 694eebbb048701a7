"""File systems of Raspberry Pis, made small: what the kernel and Raspberry Pi OS put into /sys, /proc, /dev and the boot folder.

Each board under two kernels. What differs between them is what real ones were seen to differ in: the number of the header's GPIO
chip on a Pi 5 (https://github.com/WiringPi/WiringPi/issues/280), the kernel's own port devices below a serial port since 6.5,
labels by chip number since 6.17, and the boot folder of Raspberry Pi OS 11 and 12.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

OLD_BOOT, NEW_BOOT = "boot", "boot/firmware"


@dataclass(frozen=True)
class Kernel:
    release: str
    chip_labels: tuple[str, ...]
    wrapped_ports: bool
    labels_by_number: bool = False
    boot: str = NEW_BOOT


@dataclass(frozen=True)
class Board:
    name: str
    model: str
    header_label: str
    serial0: str
    uarts: dict[str, str]
    kernels: tuple[Kernel, Kernel]
    clocksource: str = "arch_sys_counter"
    compatible: str = "brcm,bcm2835-gpio"
    usable: str = "/dev/ttyAMA0"
    """The header's port once the advice was followed."""


_OLD = ("pinctrl-bcm2835", "raspberrypi-exp-gpio")
_NEW4 = ("pinctrl-bcm2711", "raspberrypi-exp-gpio")
_RP1_LAST = (
    "gpio-brcmstb@107d508500",
    "gpio-brcmstb@107d508520",
    "gpio-brcmstb@107d517c00",
    "gpio-brcmstb@107d517c20",
    "pinctrl-rp1",
)
_RP1_FIRST = ("pinctrl-rp1",)

BOARDS = (
    Board(
        "zero",
        "Raspberry Pi Zero Rev 1.3",
        "pinctrl-bcm2835",
        "ttyAMA0",
        {"ttyAMA0": "uart-pl011"},
        (Kernel("6.1.21+", ("pinctrl-bcm2835",), False, boot=OLD_BOOT), Kernel("6.12.34+rpt-rpi-v6", ("pinctrl-bcm2835",), True)),
        "timer",
    ),
    Board(
        "one",
        "Raspberry Pi Model B Plus Rev 1.2",
        "pinctrl-bcm2835",
        "ttyAMA0",
        {"ttyAMA0": "uart-pl011"},
        (Kernel("5.10.103+", ("pinctrl-bcm2835",), False, boot=OLD_BOOT), Kernel("6.6.31+rpt-rpi-v6", ("pinctrl-bcm2835",), True)),
        "timer",
    ),
    Board(
        "three",
        "Raspberry Pi 3 Model B Plus Rev 1.3",
        "pinctrl-bcm2835",
        "ttyS0",
        {"ttyAMA0": "uart-pl011", "ttyS0": "bcm2835-aux-uart"},
        (Kernel("6.1.21-v8+", _OLD, False, boot=OLD_BOOT), Kernel("6.12.34+rpt-rpi-v8", _OLD, True)),
    ),
    Board(
        "four",
        "Raspberry Pi 4 Model B Rev 1.4",
        "pinctrl-bcm2711",
        "ttyS0",
        {"ttyAMA0": "uart-pl011", "ttyS0": "bcm2835-aux-uart"},
        (Kernel("6.1.21-v8+", _NEW4, False, boot=OLD_BOOT), Kernel("6.6.47+rpt-rpi-v8", _NEW4, True)),
        compatible="brcm,bcm2711-gpio",
    ),
    Board(
        "five",
        "Raspberry Pi 5 Model B Rev 1.0",
        "pinctrl-rp1",
        "ttyAMA10",
        {"ttyAMA10": "uart-pl011"},
        (Kernel("6.6.20+rpt-rpi-v8", _RP1_LAST, True), Kernel("6.17.4+rpt-rpi-2712", _RP1_FIRST, True, labels_by_number=True)),
        compatible="raspberrypi,rp1-gpio",
    ),
)
CASES = [(board, kernel) for board in BOARDS for kernel in board.kernels]
IDS = [f"{board.name}-{kernel.release}" for board, kernel in CASES]


@dataclass
class Tree:
    """A tree being made; `config` and `cmdline` as Raspberry Pi OS ships them."""

    root: Path
    board: Board
    kernel: Kernel
    config: list[str] = field(default_factory=lambda: ["dtparam=audio=on", "[all]"])
    cmdline: str = "console=serial0,115200 console=tty1 root=PARTUUID=1-02 rootfstype=ext4 rootwait"

    @property
    def config_path(self) -> str:
        return f"/{self.kernel.boot}/config.txt"

    def write(self, path: str, text: str) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def link(self, path: str, to: str) -> None:
        """A link as sysfs has them: relative."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        (self.root / to).mkdir(parents=True, exist_ok=True)
        place.symlink_to(os.path.relpath(self.root / to, place.parent))

    def tty(self, name: str, driver: str, under: str = "sys/devices/platform/soc") -> None:
        device = f"{under}/{name}.serial"
        self.link(f"{device}/driver", f"sys/bus/platform/drivers/{driver}")
        if self.kernel.wrapped_ports and "usb" not in under:
            core = f"{device}/{name}.serial:0"
            self.link(f"{core}/driver", "sys/bus/serial-base/drivers/ctrl")
            device = f"{core}/{name}.serial:0.0"
            self.link(f"{device}/driver", "sys/bus/serial-base/drivers/port")
        self.link(f"{device}/tty/{name}/device", device)
        self.write(f"{device}/tty/{name}/type", "32\n")
        self.link(f"sys/class/tty/{name}", f"{device}/tty/{name}")
        self.write(f"dev/{name}", "")

    def usb_receiver(self) -> None:
        """A u-blox mouse."""
        self.tty("ttyACM0", "cdc_acm", "sys/devices/platform/scb/usb1/1-1/1-1.2")
        by_id = self.root / "dev/serial/by-id/usb-u-blox_AG_u-blox_7-if00"
        by_id.parent.mkdir(parents=True)
        by_id.symlink_to("../../ttyACM0")

    def pps(self, number: int, name: str, path: str = "", stamp: str = "0.000000000#0") -> None:
        for key, text in {"name": name, "path": path, "assert": stamp, "clear": "0.000000000#0"}.items():
            self.write(f"sys/class/pps/pps{number}/{key}", f"{text}\n")
        self.write(f"dev/pps{number}", "")

    def process(self, pid: int, name: str, *opens: str, argv: str = "") -> None:
        self.write(f"proc/{pid}/comm", f"{name[:15]}\n")
        self.write(f"proc/{pid}/cmdline", (argv or name).replace(" ", "\0"))
        (self.root / f"proc/{pid}/fd").mkdir()
        for number, path in enumerate(opens, 3):
            (self.root / f"proc/{pid}/fd/{number}").symlink_to(path)

    def rtc(self, bus: int = 1, address: str = "0068", driver: str = "rtc-ds1307") -> None:
        self.link(f"sys/bus/i2c/devices/{bus}-{address}/driver", f"sys/bus/i2c/drivers/{driver}")
        self.write("sys/class/rtc/rtc0/name", f"{driver} {bus}-{address}\n")

    def done(self) -> Path:
        """Writes the boot files; the root."""
        self.write(f"{self.kernel.boot}/config.txt", "\n".join(self.config) + "\n")
        self.write(f"{self.kernel.boot}/cmdline.txt", self.cmdline + "\n")
        if self.kernel.boot == NEW_BOOT and not (self.root / "boot/config.txt").exists():
            self.write("boot/config.txt", "DO NOT EDIT THIS FILE\n")
        return self.root


def tree(root: Path, board: Board, kernel: Kernel) -> Tree:
    """This board fresh out of its box: nothing set up for a GPS hat."""
    made = Tree(root, board, kernel)
    made.write("proc/device-tree/model", board.model + "\0")
    made.write("proc/sys/kernel/osrelease", kernel.release + "\n")
    for name, driver in board.uarts.items():
        made.tty(name, driver)
    (root / "dev/serial0").symlink_to(board.serial0)
    first = 0 if kernel.release < "6.6" else 512
    for number, label in enumerate(kernel.chip_labels):
        device = f"sys/devices/platform/{number}.gpio"
        made.write(f"{device}/gpiochip{number}/dev", f"254:{number}\n")
        made.link(f"sys/bus/gpio/devices/gpiochip{number}", f"{device}/gpiochip{number}")
        lines = 54 if label.startswith("pinctrl") else 8
        place = f"sys/class/gpio/chip{number}" if kernel.labels_by_number else f"{device}/gpio/gpiochip{first}"
        made.write(f"{place}/label", label + "\n")
        made.write(f"{place}/ngpio", f"{lines}\n")
        made.write(f"{device}/of_node/compatible", (board.compatible if label == board.header_label else "other") + "\0")
        first += lines
    made.write("sys/bus/i2c/devices/i2c-1/name", "bcm2835 (i2c@7e804000)\n")
    made.write("sys/devices/system/clocksource/clocksource0/current_clocksource", board.clocksource + "\n")
    return made


def follow(made: Tree, add: list[str], remove: list[str]) -> None:
    """Does what advice says to the boot files, and what a reboot then brings."""
    made.config += add
    made.cmdline = " ".join(word for word in made.cmdline.split() if word not in remove)
    root = made.root
    if any(line.startswith(("dtoverlay=disable-bt", "dtparam=uart0")) for line in add):
        if not (root / "sys/class/tty/ttyAMA0").exists():
            made.tty("ttyAMA0", "uart-pl011")
        if made.board.serial0 == "ttyS0":
            (root / "dev/serial0").unlink()
            (root / "dev/serial0").symlink_to("ttyAMA0")
    for line in add:
        if line.startswith("dtoverlay=pps-gpio,gpiopin="):
            pin = int(line.split("=")[2])
            made.pps(0, f"pps@{pin:x}.-1" if made.kernel.release < "6.12" else f"pps@{pin:x}", stamp="1764000000.000004321#7")
