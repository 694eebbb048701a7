"""Which door the pulse comes through: the kernel's pulse, else gpiod, else RPi.GPIO; each step down is said, with its reason.

The kernel's stamp is the best there is, and where the kernel's driver has the pin nobody else hears it: so whatever was asked for,
a pin that the kernel's driver holds is read through /dev/ppsN, and that is said (P11).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gpstime.core.pulse_doctor import PulseFacts, PulseSeen, PulseShape, ReceiverSeen, silent
from gpstime.drivers import pps_gpiod, pps_kernel, pps_rpigpio
from gpstime.drivers.pps_gpiod import LineTaken, PpsGpiod
from gpstime.drivers.pps_kernel import KernelPulse, PpsKernel, kernel_pulses, named, ticking
from gpstime.drivers.pps_rpigpio import PpsRpiGpio
from gpstime.errors import DeviceError, DeviceForbidden, DeviceMissing
from gpstime.ports import Clocks, EdgeStamp, PpsInput, Timebase
from gpstime.times import NS

AUTO = "auto"
ORDER = ("kernel", "gpiod", "rpi-gpio")
WATCH_S = 3.0
"""How long several pulses are watched, to see which of them ticks."""
SILENT_NS, AGAIN_NS = 5 * NS, 600 * NS
"""After how long a silence its likely cause is said, and how long until another cause may be said."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration says of the pulse, in its words. `edge` clear: only those, since they mark the second."""

    backend: str = AUTO
    device: str = AUTO
    chip: str = AUTO
    line: int = 18
    edge: Literal["assert", "clear"] = "assert"


@dataclass(frozen=True, slots=True)
class Doors:
    """The machine's, or a made-up machine's."""

    sysfs: Path = pps_kernel.SYSFS
    dev: Path = Path("/dev")
    open_node: Callable[[str, int], int] = os.open
    ioctl: pps_kernel.Ioctl = fcntl.ioctl
    gpiod: Callable[[], Any] = pps_gpiod.load
    rpi_gpio: Callable[[], Any] = pps_rpigpio.load


class Chosen:
    """The input that was chosen. Fits `ports.PpsInput`. `backend` is one of ORDER; `said`: why not a better one.

    Its notes also tell what is wrong with the pulse (rate, polarity) and, when none comes, the likely cause: `receiver` is asked
    what the receiver said meanwhile, since a pulse is missing mostly for want of a fix (P10).
    """

    def __init__(self, inner: PpsInput, backend: str, said: list[str], wanted: Wanted, time: Timebase, doors: Doors) -> None:
        self.inner, self.name, self.backend, self.said = inner, inner.name, backend, tuple(said)
        self.receiver: Callable[[], ReceiverSeen] = ReceiverSeen
        self._wanted, self._time, self._doors = wanted, time, doors
        self._only = wanted.edge if wanted.edge == "clear" else None
        self._notes = [f"the pulse comes from {inner.name}", *said]
        self._shape = PulseShape(inner.name)
        self._had_pulses = False
        self._silent_from, self._told = time.now(), ""
        self._doubt_at = self._silent_from + SILENT_NS
        self._before = {p.node: p for p in kernel_pulses(doors.sysfs)}

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
            self._had_pulses = True
            self._silent_from = self._time.now()
            self._doubt_at, self._told, self._before = self._silent_from + SILENT_NS, "", {}
            if self._only is None or stamp.edge == self._only:
                return stamp

    def _say_why(self) -> None:
        """The likeliest cause of the silence, once for each cause."""
        now = self._time.now()
        if not self._before:  # first see whether another pulse ticks instead
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
            then = self._before.get(pulse.node, pulse)
            edges = 0 if pulse.asserts is None or then.asserts is None else (pulse.asserts - then.asserts) & 0xFFFF_FFFF
            chosen = mine is not None and pulse.node == mine.node
            receivers = pulse.kind not in ("network", "test")
            pulses.append(PulseSeen(pulse.what, 0 if chosen else edges, receivers, chosen))
        if mine is None:
            pulses.append(PulseSeen(self.name, 0, True, True))
        pin = self._wanted.line if mine is None or mine.pin is None else mine.pin
        return PulseFacts(round(watched_s), pin, tuple(pulses), self.receiver(), had_pulses=self._had_pulses)

    def close(self) -> None:
        self.inner.close()


def open_pulse(wanted: Wanted, clocks: Clocks, time: Timebase, doors: Doors | None = None) -> Chosen:
    """The pulse that the configuration asks for, open; with "auto" the best there is. DeviceError says what stood in the way."""
    return _Choice(wanted, clocks, time, doors or Doors()).make()


class _Choice:
    def __init__(self, wanted: Wanted, clocks: Clocks, time: Timebase, doors: Doors) -> None:
        assert wanted.backend in (AUTO, *ORDER), wanted.backend
        self._wanted, self._clocks, self._time, self._doors = wanted, clocks, time, doors
        self._said: list[str] = []

    def make(self) -> Chosen:
        wanted = self._wanted
        attempts = {"kernel": self._kernel, "gpiod": self._gpiod, "rpi-gpio": self._rpi_gpio}
        if wanted.backend != AUTO:
            return attempts[wanted.backend]()
        if wanted.device != AUTO:  # named by its name in sysfs, so nothing else is meant
            return self._kernel()
        refused: list[DeviceError] = []
        for backend in ORDER:
            try:
                return attempts[backend]()
            except DeviceForbidden:
                raise  # it is there, rights are missing: another door would only hide that
            except DeviceError as error:
                refused.append(error)
                self._said.append(f"not through {backend}: {error}")
        remedy = f"put dtoverlay=pps-gpio,gpiopin={wanted.line} into /boot/firmware/config.txt and start again"
        raise DeviceMissing(f"no pulse: {remedy}. Tried: {' '.join(f'({n}) {e}' for n, e in enumerate(refused, 1))}")

    def _chosen(self, inner: PpsInput, backend: str) -> Chosen:
        return Chosen(inner, backend, self._said, self._wanted, self._time, self._doors)

    # ---- the kernel's ------------------------------------------------------------------------------------------------------------

    def _kernel(self) -> Chosen:
        return self._opened(self._which())

    def _opened(self, pulse: KernelPulse) -> Chosen:
        doors = self._doors
        if self._wanted.edge == "clear" and pulse.clears is None:
            pin = self._wanted.line if pulse.pin is None else pulse.pin
            raise DeviceError(
                f"{pulse.what} captures no clear edges, and those mark the second here (pulse.edge): write "
                f"dtoverlay=pps-gpio,gpiopin={pin},capture_clear=on into config.txt."
            )
        inner = PpsKernel(pulse, time=self._time, sysfs=doors.sysfs, dev=doors.dev, open_node=doors.open_node, ioctl=doors.ioctl)
        return self._chosen(inner, "kernel")

    def _which(self) -> KernelPulse:
        """By name if one is given; else of the receivers' pulses (never a network clock's) the one that ticks."""
        known = kernel_pulses(self._doors.sysfs)
        there = "; ".join(p.what for p in known) or "no pulse device at all"
        if self._wanted.device != AUTO:
            found = named(self._wanted.device, known)
            if not found:
                raise DeviceMissing(
                    f"no pulse is called {self._wanted.device}; there is: {there}. Names are in /sys/class/pps/*/name."
                )
            return found[0]
        for kinds in (("gpio",), ("serial",), ("usb",)):
            fitting = [p for p in known if p.kind in kinds]
            if not fitting:
                continue
            if len(fitting) == 1:
                return fitting[0]
            ticks = ticking(self._time, WATCH_S, self._doors.sysfs)
            alive = [p for p in fitting if ticks.get(p.node)]
            chosen = min(alive or fitting, key=lambda p: (p.pin != self._wanted.line, p.node))
            others = ", ".join(p.what for p in fitting if p is not chosen)
            how = "ticks" if alive else "does not tick either"
            self._said.append(
                f"of several pulses {chosen.what} is taken, which {how}; the others: {others}. pulse.device names one."
            )
            return chosen
        raise DeviceMissing(f"the kernel has no receiver's pulse; there is: {there}.")

    def _held_by_kernel(self) -> KernelPulse | None:
        """The kernel's pulse on the pin that is asked for."""
        return next((p for p in kernel_pulses(self._doors.sysfs) if p.pin == self._wanted.line), None)

    def _switched(self, pulse: KernelPulse, backend: str) -> Chosen:
        self._said.append(
            f"not through {backend}: the kernel's pulse driver holds GPIO{self._wanted.line}, so nothing else hears it; "
            f"{pulse.what} is read instead, which is better."
        )
        return self._opened(pulse)

    # ---- the others --------------------------------------------------------------------------------------------------------------

    def _gpiod(self) -> Chosen:
        wanted, doors = self._wanted, self._doors
        try:
            inner = PpsGpiod(wanted.line, self._clocks, chip=wanted.chip, gpiod=doors.gpiod(), dev=doors.dev)
        except LineTaken as taken:
            pulse = self._held_by_kernel() if taken.by_kernel_pps else None
            if pulse is None:
                raise
            return self._switched(pulse, "gpiod")
        return self._chosen(inner, "gpiod")

    def _rpi_gpio(self) -> Chosen:
        # looked up first: on such a pin RPi.GPIO may raise no error and hear nothing
        if (pulse := self._held_by_kernel()) is not None:
            return self._switched(pulse, "rpi-gpio")
        inner = PpsRpiGpio(self._wanted.line, edge=self._wanted.edge, time=self._time, gpio=self._doors.rpi_gpio())
        return self._chosen(inner, "rpi-gpio")


def _fits(pulse: PpsKernel | PpsGpiod | PpsRpiGpio | Chosen) -> PpsInput:
    """For mypy: all of them fit `ports.PpsInput`."""
    return pulse
