"""The configured pulse: opened through the best door there is, its stamps freed of what is known of their lateness."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from gpstime.app.lateness import say_lateness
from gpstime.app.live import LiveTime
from gpstime.app.settings import AUTO, Config
from gpstime.core.pulse_doctor import ReceiverListener
from gpstime.drivers.board import family_of, known_bias, model_of
from gpstime.drivers.pps_choice import Chosen, Doors, Wanted, open_pulse
from gpstime.drivers.system_clock import Converter
from gpstime.errors import DeviceError, DeviceMissing
from gpstime.model import PpsEdge
from gpstime.ports import Clocks, EdgeStamp, PpsInput, Together

_EDGES: dict[str, Literal["auto", "assert", "clear"]] = {"auto": "auto", "assert": "assert", "clear": "clear"}


class PulseDoor:
    """Opens the configured pulse, and knows by then how late its stamps are (P21); calling it raises DeviceError with a remedy."""

    def __init__(self, config: Config, clocks: Clocks, time: LiveTime, doors: Doors | None) -> None:
        p = config.pulse
        self._wanted = Wanted(p.backend, p.device, p.chip, p.line, _EDGES[p.edge])
        self._config, self._clocks, self._time, self._doors = config, clocks, time, doors
        self._converter = Converter()
        self._by_kernel = ""
        """The kernel's pulse that was taken for the best, by name: then no other door is tried in this run."""
        self.family = family_of(model_of())
        self.heard = ReceiverListener()
        """A sink: what the receiver said meanwhile tells why no pulse comes (P10) and which edge of an even one counts (P22)."""
        self.facts: dict[str, object] = {"backend": None, "bias_ns": None, "bias_err_ns": None, "bias_why": ""}

    def __call__(self) -> PpsInput:
        pulse, backend, kind = self._opened()
        self.facts["backend"] = backend
        given, known = self._config.pulse.bias_us, known_bias(self.family, kind)
        late_ns, why = 0, "nothing is known of this board and backend"
        doubt_ns: int | None = None
        if not isinstance(given, str):
            late_ns, why = round(given * 1000), "configured"
        elif known is not None:
            late_ns, doubt_ns, why = known.late_ns, known.doubt_ns, known.why
        if not isinstance(doubt := self._config.pulse.bias_err_us, str):
            doubt_ns = round(doubt * 1000)
        self._converter.bias_ns = late_ns  # the same one: it goes on counting the steps of the system clock
        self.facts |= {"bias_ns": late_ns, "bias_err_ns": doubt_ns, "bias_why": why}
        if isinstance(pulse, Chosen):
            pulse.say(say_lateness(self.facts))
        return pulse

    def convert(self, stamp: EdgeStamp, before: Together, after: Together) -> PpsEdge | str:
        """See `app.sources.Convert`; with the lateness of the input that is open."""
        return self._converter.convert(stamp, before, after)

    def _opened(self) -> tuple[PpsInput, str, str]:
        """The input, its backend, and what kind of lateness its stamps have."""
        wanted = self._wanted
        if self._by_kernel:
            # a line that we took meanwhile is one that the kernel's driver could not come back to
            wanted = replace(wanted, backend="kernel")
        try:
            chosen = open_pulse(wanted, self._clocks, self._time, self._doors)
            chosen.listen(self.heard)
        except DeviceError as error:
            if self._by_kernel and isinstance(error, DeviceMissing):
                raise DeviceMissing(
                    f"{error} The pulse came through {self._by_kernel}: its pin is left alone, so that the kernel's driver can "
                    "come back to it; pulse.backend names another door."
                ) from None
            if self._config.receiver.source != "gpsd" or self._wanted.backend != AUTO or self._wanted.device != AUTO:
                raise
            from gpstime.drivers.gpsd import GpsdPulse, address

            passed_on = GpsdPulse(*address(self._config.receiver.gpsd), time=self._time)
            passed_on.open()
            return passed_on, "gpsd", ""
        if chosen.backend == "kernel" and wanted.backend == AUTO:
            self._by_kernel = chosen.name
        usb = getattr(getattr(chosen.inner, "pulse", None), "kind", "") == "usb"
        return chosen, chosen.backend, "usb" if usb else "user" if chosen.backend == "rpi-gpio" else chosen.backend
