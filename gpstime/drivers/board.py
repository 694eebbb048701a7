"""The board: model and counter, temperature and what the firmware does to the clocks (P20), how late its stamps are (P21).

Read from sysfs and procfs, without any right. `root` is the board's file system ("/", or a tree made for a test). What is absent is
None or empty: a laptop has no firmware that throttles.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gpstime.times import NS, UtcTime

SLOW_KHZ = 600_000
"""Below this ARM clock the counter was seen to lose ticks on Pi 4 and CM4 (raspberrypi/linux#6016)."""
STEADY = "performance"


@dataclass(frozen=True, slots=True)
class Counter:
    """What CLOCK_MONOTONIC_RAW counts on."""

    hz: int
    name: str


_ONE = Counter(1_000_000, "system timer, 1 MHz")
_TWO = Counter(19_200_000, "generic timer, 19.2 MHz")
_FOUR = Counter(54_000_000, "generic timer, 54 MHz")
_FAMILIES: tuple[tuple[str, str, Counter], ...] = (
    (r"Zero 2|Pi 2\b|Pi 3\b|Compute Module 3", "pi2-3", _TWO),
    (r"Pi 4\b|Pi 400|Compute Module 4", "pi4", _FOUR),
    (r"Pi 5\b|Pi 500|Compute Module 5", "pi5", _FOUR),
    (r"Zero|Pi Model|Pi 1\b|Compute Module Rev|Compute Module 1", "pi0-1", _ONE),
)
"""By the model that the device tree names; the first that fits."""


def model_of(root: Path = Path("/")) -> str:
    """The board's model as its device tree says it; empty where there is none."""
    return _text(root / "proc/device-tree/model") or _text(root / "sys/firmware/devicetree/base/model")


def family_of(model: str) -> str:
    """pi0-1, pi2-3, pi4 or pi5; empty for any other board."""
    return next((family for pattern, family, _ in _FAMILIES if "Raspberry" in model and re.search(pattern, model)), "")


def counter_of(root: Path = Path("/")) -> Counter | None:
    """The counter of this board, by its model; None for a board that is not known."""
    family = family_of(model_of(root))
    return next((counter for _, name, counter in _FAMILIES if name == family), None)


@dataclass(frozen=True, slots=True)
class Bias:
    """How late a stamp is after the edge: `late_ns`, give or take `doubt_ns`; `why` names where the number comes from.

    It is constant as far as anybody knows, so it is no noise: it moves every offset and no frequency.
    """

    late_ns: int
    doubt_ns: int
    why: str


_PI5 = "reported for the interrupt path of a Pi 5: 7 to 20 us (satpulse#460)"
_OLDER = "a rule of thumb for boards before the Pi 5, not verified"
_USER = "a rule of thumb for stamps made in Python: 50 to 500 us, and milliseconds under load"


def known_bias(family: str, backend: str) -> Bias | None:
    """What is known of the stamps of `backend` (kernel, gpiod, user, usb) on a board; None if nothing is.

    gpiod's stamps come from the same interrupt as the kernel's.
    """
    if backend == "user":
        return Bias(200_000, 200_000, _USER)
    if backend == "usb":
        return Bias(500_000, 500_000, "a rule of thumb for a modem line over USB: it is asked once a millisecond")
    if backend in ("kernel", "gpiod", "gpio") and family:
        return Bias(13_500, 6_500, _PI5) if family == "pi5" else Bias(3_000, 3_000, _OLDER)
    return None


_THROTTLING = {0: "under-voltage", 1: "ARM frequency capped", 2: "throttled", 3: "soft temperature limit"}
"""The firmware's bits; 16 higher: has happened since the start."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What moves the crystal and the counter. `throttled`: what the firmware does now, `before`: did since the start; in words."""

    celsius: float | None
    sensor: str
    throttled: tuple[str, ...]
    before: tuple[str, ...]
    governor: str
    arm_khz: int | None
    least_khz: int | None

    def said(self) -> list[str]:
        """What a person should know, each a sentence."""
        out = [f"the firmware says now: {word}" for word in self.throttled]
        if self.least_khz is not None and self.least_khz < SLOW_KHZ:
            out.append(
                f"the ARM clock may go down to {self.least_khz // 1000} MHz, where the counter of some boards loses ticks: "
                f"set arm_freq_min=600 or more in config.txt"
            )
        if self.governor and self.governor != STEADY:
            out.append(f"the CPU governor is {self.governor}: the stamps' delay changes with the load ({STEADY} keeps it steady)")
        return out


def condition(root: Path = Path("/")) -> Condition:
    """One look."""
    celsius, sensor = _temperature(root)
    bits = _throttle_bits(root)
    policy = root / "sys/devices/system/cpu/cpufreq/policy0"
    return Condition(
        celsius,
        sensor,
        tuple(word for bit, word in _THROTTLING.items() if bits >> bit & 1),
        tuple(word for bit, word in _THROTTLING.items() if bits >> (bit + 16) & 1),
        _text(policy / "scaling_governor"),
        _number(policy / "scaling_cur_freq"),
        _number(policy / "scaling_min_freq"),
    )


def kernel_rtc(root: Path = Path("/")) -> UtcTime | None:
    """What the clock chip shows that the kernel has a driver for, as UTC; None without one. Good to a second, if it is right."""
    for place in sorted((root / "sys/class/rtc").glob("rtc*")):
        seconds = _number(place / "since_epoch")
        if seconds is not None and seconds > 0:
            return UtcTime.from_unix(seconds * NS)
    return None


def _temperature(root: Path) -> tuple[float | None, str]:
    """The zone of the processor; another where there is no such."""
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*"))
    named = [(zone, _text(zone / "type")) for zone in zones]
    for zone, name in sorted(named, key=lambda z: "cpu" not in z[1]):
        milli = _number(zone / "temp")
        if milli is not None and -55_000 <= milli <= 150_000:
            return milli / 1000, name or zone.name
    return None, ""


def zone_file(sensor: str, root: Path = Path("/")) -> str | None:
    """The file that holds the temperature of this sensor in thousandths of a degree; None where it is no thermal zone here."""
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*"))
    found = next((zone for zone in zones if sensor in (_text(zone / "type"), zone.name)), None)
    return None if found is None else f"/{(found / 'temp').relative_to(root)}"


def _throttle_bits(root: Path) -> int:
    for place in sorted((root / "sys/devices/platform").glob("soc*/*firmware/get_throttled")):
        try:
            return int(_text(place), 16)
        except ValueError:
            continue
    return 0


def _number(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_bytes()[:4096].decode("utf-8", "replace").strip("\0\n ")
    except OSError:
        return ""
