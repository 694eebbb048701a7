"""Which door the pulse comes through: the kernel's pulse, else gpiod, else RPi.GPIO; each step down is said, with its reason.

The kernel's stamp is the best there is, and where the kernel's driver has the pin nobody else hears it: so whatever was asked for,
a pin that the kernel's driver holds is read through /dev/ppsN, and that is said (P11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpstime.core.pulse_doctor import silent
from gpstime.drivers.pps_chosen import AUTO, ORDER, WATCH_S, Chosen, Doors, Wanted, about, seen
from gpstime.drivers.pps_kernel import PpsKernel
from gpstime.drivers.pps_sysfs import KernelPulse, kernel_pulses, named, ticking
from gpstime.errors import DeviceError, DeviceForbidden, DeviceMissing
from gpstime.ports import Clocks, PpsInput, Timebase

if TYPE_CHECKING:
    from gpstime.drivers.pps_gpiod import PpsGpiod
    from gpstime.drivers.pps_rpigpio import PpsRpiGpio

__all__ = ["Chosen", "Doors", "Wanted", "open_pulse"]


def open_pulse(wanted: Wanted, clocks: Clocks, time: Timebase, doors: Doors | None = None) -> Chosen:
    """The pulse that the configuration asks for, open; with "auto" the best there is. DeviceError says what stood in the way."""
    return _Choice(wanted, clocks, time, doors or Doors()).make()


class _Choice:
    def __init__(self, wanted: Wanted, clocks: Clocks, time: Timebase, doors: Doors) -> None:
        assert wanted.backend in (AUTO, *ORDER), wanted.backend
        self._wanted, self._clocks, self._time, self._doors = wanted, clocks, time, doors
        self._said: list[str] = []
        self._held_by = ""

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
                self._held_by = getattr(error, "consumer", "") or self._held_by
                self._said.append(f"not through {backend}: {error}")
        tried = " ".join(f"({n}) {e}" for n, e in enumerate(refused, 1))
        raise DeviceMissing(f"no pulse: {self._doctor()} Tried: {tried}")

    def _doctor(self) -> str:
        """Why there is no device, and what to do."""
        return " ".join(
            advice.text for advice in silent(about(self._wanted, self._doors, pulses=seen(self._doors), held_by=self._held_by))
        )

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
        facts = about(self._wanted, self._doors)
        asked = f" {self._doctor()}" if facts.overlay or facts.old_option else ""
        raise DeviceMissing(f"the kernel has no receiver's pulse; there is: {there}.{asked}")

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
        from gpstime.drivers.pps_gpiod import LineTaken, PpsGpiod  # late: few need it

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
        from gpstime.drivers.pps_rpigpio import PpsRpiGpio

        inner = PpsRpiGpio(self._wanted.line, edge=self._wanted.given or "assert", time=self._time, gpio=self._doors.rpi_gpio())
        return self._chosen(inner, "rpi-gpio")


def _fits(pulse: PpsKernel | PpsGpiod | PpsRpiGpio | Chosen) -> PpsInput:
    """For mypy: all of them fit `ports.PpsInput`."""
    return pulse
