"""The pulse input that was chosen, with the doctor beside it: says what is wrong with the pulse, or why none comes (P10, P22)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gpstime.core.pulse_doctor import PulseFacts, PulseSeen, ReceiverListener, ReceiverSeen, silent
from gpstime.core.pulse_shape import Edge, PulseShape
from gpstime.drivers import pps_kernel
from gpstime.drivers.board import model_of
from gpstime.drivers.boot_files import read_boot_files
from gpstime.drivers.pps_sysfs import SYSFS, KernelPulse, kernel_pulses
from gpstime.errors import DeviceError
from gpstime.ports import EdgeStamp, PpsInput, Timebase
from gpstime.times import NS

AUTO = "auto"
ORDER = ("kernel", "gpiod", "rpi-gpio")
WATCH_S = 3.0
"""How long several pulses are watched, to see which of them ticks."""
OLD_OPTION = "bcm2708.pps_gpio_pin="
"""A setting of kernels before the overlays; seen to keep the pulse from coming on later ones."""
_OURS = ("lg", "gpstime", "RPi")
"""How rpi-lgpio and we call ourselves to the kernel."""
SILENT_NS, AGAIN_NS = 5 * NS, 600 * NS
"""After how long a silence its likely cause is said, and how long until another cause may be said."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration says of the pulse, in its words. `edge`: the one that marks the second, and only it is given then;
    with auto both are, and which begins the pulse is found from its shape, or from the sentences."""

    backend: str = AUTO
    device: str = AUTO
    chip: str = AUTO
    line: int = 18
    edge: Literal["auto", "assert", "clear"] = "auto"

    @property
    def given(self) -> Edge | None:
        return None if self.edge == "auto" else self.edge


def _gpiod() -> Any:
    from gpstime.drivers import pps_gpiod  # late, as the next: a service on the kernel's pulse has no need of them

    return pps_gpiod.load()


def _rpi_gpio() -> Any:
    from gpstime.drivers import pps_rpigpio

    return pps_rpigpio.load()


@dataclass(frozen=True, slots=True)
class Doors:
    """The machine's, or a made-up machine's. `root`: where its boot files are."""

    sysfs: Path = SYSFS
    dev: Path = Path("/dev")
    open_node: Callable[[str, int], int] = os.open
    ioctl: pps_kernel.Ioctl = fcntl.ioctl
    gpiod: Callable[[], Any] = _gpiod
    rpi_gpio: Callable[[], Any] = _rpi_gpio
    root: Path = Path("/")


def about(wanted: Wanted, doors: Doors, pin: int | None = None, **more: Any) -> PulseFacts:
    """What the boot files say of the pulse, and who holds its pin, for the doctor; `more` is what else is known."""
    boot = read_boot_files(doors.root, model_of(doors.root))
    stale = next((word for word in boot.arguments if word.startswith(OLD_OPTION)), "")
    overlay = None if not boot.config else boot.overlay("pps-gpio") is not None
    return PulseFacts(**{"watched_s": 0.0} | more, pin=wanted.line if pin is None else pin, overlay=overlay, old_option=stale)


def seen(doors: Doors) -> tuple[PulseSeen, ...]:
    """The pulse devices that there are, none of them watched."""
    return tuple(PulseSeen(p.what, 0, p.kind not in ("network", "test")) for p in kernel_pulses(doors.sysfs))


class Chosen:
    """The input that was chosen. Fits `ports.PpsInput`. `backend` is one of ORDER; `said`: why not a better one.

    Its notes also tell what is wrong with the pulse (rate, polarity) and, when none comes, the likely cause: `listen` says whom to
    ask what the receiver said meanwhile, since a pulse is missing mostly for want of a fix (P10), and of an even pulse only the
    sentences tell which edge marks the second (P22).
    """

    def __init__(self, inner: PpsInput, backend: str, said: list[str], wanted: Wanted, time: Timebase, doors: Doors) -> None:
        self.inner, self.name, self.backend, self.said = inner, inner.name, backend, tuple(said)
        self.receiver: Callable[[], ReceiverSeen] = ReceiverSeen
        self._wanted, self._time, self._doors = wanted, time, doors
        self._only = wanted.given
        self._notes = [f"the pulse comes from {inner.name}", *said]
        self._shape = PulseShape(inner.name, wanted.given)
        self._had_pulses = False
        self._silent_from, self._told = time.now(), ""
        self._doubt_at = self._silent_from + SILENT_NS
        self._before: dict[str, KernelPulse] | None = {p.node: p for p in kernel_pulses(doors.sysfs)}

    def listen(self, heard: ReceiverListener) -> None:
        """Ask this listener, from now on."""
        self.receiver, self._shape.after_assert = heard.seen, heard.after_assert

    def say(self, sentence: str) -> None:
        """Have this among the notes."""
        self._notes.append(sentence)

    @property
    def missed(self) -> int:
        """Edges known to be lost between kernel and here."""
        return int(getattr(self.inner, "missed", 0))

    def notes(self) -> list[str]:
        """Sentences for people since the last call: the choice first."""
        said, self._notes = self._notes, []
        return [*said, *getattr(self.inner, "notes", list)()]

    def wait(self, timeout_s: float) -> EdgeStamp | None:
        """See `ports.PpsInput`."""
        end = self._time.now() + round(timeout_s * NS)
        while True:
            stamp = self.inner.wait(max(0.0, (end - self._time.now()) / NS))
            if stamp is None:
                if self._time.now() >= self._doubt_at:
                    self._say_why()
                return None
            self._notes += [advice.text for advice in self._shape.on(stamp.edge, stamp.stamp)]
            self._only = self._wanted.given or self._shape.marks
            self._had_pulses = True
            self._silent_from = self._time.now()
            self._doubt_at, self._told, self._before = self._silent_from + SILENT_NS, "", None
            if self._only is None or stamp.edge == self._only:
                return stamp

    def _say_why(self) -> None:
        """The likeliest cause of the silence, once for each cause."""
        now = self._time.now()
        if self._before is None:  # first see whether another pulse ticks instead
            self._before = {p.node: p for p in kernel_pulses(self._doors.sysfs)}
            self._doubt_at = now + round(WATCH_S * NS)
            return
        self._doubt_at = now + (AGAIN_NS if self._told else 2 * SILENT_NS)
        advice = silent(self._facts((now - self._silent_from) / NS))
        if advice and advice[0].cause != self._told:
            self._told = advice[0].cause
            self._notes.append(advice[0].text)

    def _facts(self, watched_s: float) -> PulseFacts:
        pulses, mine = [], getattr(self.inner, "pulse", None)
        for pulse in kernel_pulses(self._doors.sysfs):
            then = (self._before or {}).get(pulse.node, pulse)
            edges = 0 if pulse.asserts is None or then.asserts is None else (pulse.asserts - then.asserts) & 0xFFFF_FFFF
            chosen = mine is not None and pulse.node == mine.node
            receivers = pulse.kind not in ("network", "test")
            pulses.append(PulseSeen(pulse.what, 0 if chosen else edges, receivers, chosen))
        if mine is None:
            pulses.append(PulseSeen(self.name, 0, True, True))
        held = self._holder() if self.backend == "rpi-gpio" else ""
        known = {"pulses": tuple(pulses), "receiver": self.receiver(), "had_pulses": self._had_pulses, "held_by": held}
        return about(self._wanted, self._doors, getattr(mine, "pin", None), watched_s=round(watched_s), **known)

    def _holder(self) -> str:
        """Who has the pin that RPi.GPIO reads past the kernel: it is never told, and hears nothing then (P11)."""
        from gpstime.drivers import pps_gpiod

        try:
            consumer = pps_gpiod.consumer(self._doors.gpiod(), self._wanted.line, self._wanted.chip, self._doors.dev)
        except (DeviceError, OSError):
            return ""
        return "" if consumer.startswith(_OURS) else consumer

    def close(self) -> None:
        self.inner.close()
