"""The configured pulse: opened through the best door there is, its stamps freed of what is known of their lateness."""

from __future__ import annotations

from typing import Literal

from gpstime.app.lateness import say_lateness
from gpstime.app.live import LiveTime
from gpstime.app.settings import AUTO, Config
from gpstime.core.pulse_doctor import ReceiverListener
from gpstime.drivers.board import family_of, known_bias, model_of
from gpstime.drivers.pps_choice import Chosen, Doors, Wanted, open_pulse
from gpstime.drivers.system_clock import Converter
from gpstime.errors import DeviceError
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
        try:
            chosen = open_pulse(self._wanted, self._clocks, self._time, self._doors)
            chosen.listen(self.heard)
        except DeviceError:
            if self._config.receiver.source != "gpsd" or self._wanted.backend != AUTO or self._wanted.device != AUTO:
                raise
            from gpstime.drivers.gpsd import GpsdPulse, address

            passed_on = GpsdPulse(*address(self._config.receiver.gpsd), time=self._time)
            passed_on.open()
            return passed_on, "gpsd", ""
        usb = getattr(getattr(chosen.inner, "pulse", None), "kind", "") == "usb"
        return chosen, chosen.backend, "usb" if usb else "user" if chosen.backend == "rpi-gpio" else chosen.backend
