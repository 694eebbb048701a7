"""How a run that goes on for years stands now: a sink that keeps what `gpstime status` and the log tell, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gpstime
from gpstime.core.engine import Engine
from gpstime.core.long_delay import LongDelay
from gpstime.model import (
    ClockStep,
    DeviceFound,
    DeviceLost,
    Drift,
    Event,
    Finding,
    Kind,
    Label,
    Offset,
    PpsEdge,
    RtcDrift,
    SerialBytes,
    Temperature,
)
from gpstime.times import NS, RawNs

SILENT_NS = 5 * NS
"""Without a pulse, or a byte, for this long: silent."""


@dataclass(slots=True)
class Device:
    """`there` None: not known yet. `seen_at`: the last that came from it."""

    there: bool | None = None
    reason: str = ""
    seen_at: RawNs | None = None
    count: int = 0
    losses: int = 0


def _why(device: Device, open_: str, unknown: str) -> str:
    """Why nothing comes from a device."""
    return unknown if device.there is None else open_ if device.there else device.reason


def _number(v: float | None, digits: int) -> float | None:
    return None if v is None else round(v, digits)


class Standing:
    """A `ports.Sink`. `facts` are said as they are (board, bias, file names); `parts` are asked at the time of the question."""

    def __init__(self, engine: Engine, started: RawNs, facts: dict[str, object] | None = None) -> None:
        self.engine, self.started = engine, started
        self.facts = dict(facts or {})
        self.parts: dict[str, Callable[[], object]] = {}
        self.pulse, self.receiver, self.other = Device(), Device(), Device()
        self.offset: Offset | None = None
        self.labelled: Offset | None = None
        self.drift: Drift | None = None
        self.rtc: RtcDrift | None = None
        self.used = 0
        self.sentences = LongDelay()
        self.temperature: dict[str, float] = {}
        self._on: dict[type, Callable[[Any], None]] = {
            PpsEdge: self._edge,
            SerialBytes: self._bytes,
            Offset: self._offset,
            Drift: self._drift,
            RtcDrift: self._rtc_drift,
            DeviceLost: self._lost,
            DeviceFound: self._found,
            Temperature: self._warm,
        }

    def __call__(self, value: Event | Finding) -> None:
        on = self._on.get(type(value))
        if on is not None:
            on(value)

    def _edge(self, edge: PpsEdge) -> None:
        self.pulse.seen_at = edge.at
        self.pulse.count += 1

    def _bytes(self, chunk: SerialBytes) -> None:
        self.receiver.seen_at = chunk.at
        self.receiver.count += len(chunk.data)

    def _offset(self, offset: Offset) -> None:
        self.offset = offset
        self.sentences.add(offset.at, self.engine.pairing.delay if offset.second is not None else None)
        self.used += offset.kind is Kind.OK
        if offset.second is not None:
            self.labelled = offset

    def _drift(self, drift: Drift) -> None:
        self.drift = drift

    def _rtc_drift(self, drift: RtcDrift) -> None:
        self.rtc = drift

    def device(self, source: str) -> Device:
        """Pulse, receiver, or (a clock chip and its output) neither."""
        if source.startswith("rtc"):
            return self.other
        return self.pulse if source.startswith("pps") else self.receiver

    def _lost(self, lost: DeviceLost) -> None:
        device = self.device(lost.source)
        device.losses += device.there is True
        if device is self.receiver:
            self.sentences.forget()
        device.there, device.reason = False, lost.reason

    def _found(self, found: DeviceFound) -> None:
        device = self.device(found.source)
        device.there, device.reason = True, found.reason

    def _warm(self, reading: Temperature) -> None:
        if len(self.temperature) < 16 or reading.sensor in self.temperature:
            self.temperature[reading.sensor] = reading.celsius

    # ---- asked ---------------------------------------------------------------------------------------------------------------

    def word(self, now: RawNs) -> tuple[str, str]:
        """One word and a sentence: `starting`, `no-pulses`, `no-receiver`, `no-second`, `measuring`."""
        engine = self.engine
        quiet = self.pulse.seen_at is None or now - self.pulse.seen_at > SILENT_NS
        if quiet and now - self.started < SILENT_NS and self.pulse.there is not False:
            return "starting", "no pulse yet"
        if quiet:
            why = _why(self.pulse, "the input is open, but no edge comes", "no device said anything yet, or none is configured")
            return "no-pulses", why if why.startswith("no pulse: ") else f"no pulse: {why}"
        if self.receiver.seen_at is None or now - self.receiver.seen_at > SILENT_NS:
            why = _why(self.receiver, "the port is open, but no byte comes", "no port said anything yet, or none is configured")
            return "no-receiver", f"pulses, but no receiver: {why}"
        if engine.pairing.label is not Label.OK:
            return "no-second", engine.pairing.why
        return "measuring", engine.pairing.why

    def as_object(self, now: RawNs) -> dict[str, object]:
        """What `gpstime status --json` prints. Frequencies in ppb, positive when the clock gains; None is what is not known."""
        engine, pairing = self.engine, self.engine.pairing
        word, why = self.word(now)
        d = engine.drift.estimate(now) if self.offset is None else engine.drift.estimate(self.offset.at)
        last = self.labelled
        current = last is not None and self.offset is last and pairing.label is Label.OK
        return {
            "status": word,
            "why": why,
            "tool": f"gpstime {gpstime.__version__}",
            "running_s": _number((now - self.started) / NS, 1),
            "freq_ppb": None if d is None else _number(d.freq_ppb, 4),
            "freq_lo_ppb": None if d is None else _number(d.freq_lo_ppb, 4),
            "freq_hi_ppb": None if d is None else _number(d.freq_hi_ppb, 4),
            "n": 0 if d is None else d.n,
            "span_s": None if d is None else d.span_s,
            "label": pairing.label.value,
            "assumption": pairing.assumption,
            "last_labelled": None if last is None or last.second is None else last.second.iso(),
            "last_labelled_t": None if last is None or last.second is None else last.at,
            "offset_ns": last.offset_ns if last is not None and current else None,
            "pulse": self._as_device(self.pulse, now),
            "receiver": self._as_device(self.receiver, now)
            | {"sentences": engine.nmea.sentences, "fix": pairing.fix, "delay": self._delay()},
            "rejected": dict(sorted(engine.rejected.items())),
            "steps": engine.steps.count,
            "steered_by": engine.steps.steered or "",
            "temperature_c": dict(sorted(self.temperature.items())),
            "rtc": self._rtc(),
            **self.facts,
            **{name: ask() for name, ask in self.parts.items()},
        }

    def _rtc(self) -> dict[str, object] | None:
        """The clock chip's crystal, as of the last RtcDrift; None without a chip."""
        if not self.engine.rtc.seen:
            return None
        track, found = self.engine.rtc.track, self.rtc
        d, last = None if found is None else found.drift, track.last_offset
        return {
            "chip": track.chip,
            "against": None if found is None else found.against,
            "via": None if found is None else found.via,
            "freq_ppb": None if d is None else _number(d.freq_ppb, 4),
            "freq_lo_ppb": None if d is None else _number(d.freq_lo_ppb, 4),
            "freq_hi_ppb": None if d is None else _number(d.freq_hi_ppb, 4),
            "mean_freq_ppb": None if d is None else _number(d.mean_ppb, 4),
            "span_s": None if d is None else _number(d.span_s, 1),
            "offset_ns": None if last is None else last.offset_ns,
            "offset_err_ns": None if last is None else last.err_ns,
            "trusted": None if track.last is None else track.last.trusted,
            "breaks": len(track.breaks),
            "last_break": track.breaks[-1].reason if track.breaks else None,
        }

    def _delay(self) -> dict[str, int] | None:
        delay = self.sentences.delay
        return None if delay is None else {"median_ns": delay.median_ns, "spread_ns": delay.spread_ns, "n": delay.n}

    @staticmethod
    def _as_device(device: Device, now: RawNs) -> dict[str, object]:
        ago = None if device.seen_at is None else _number(max(0, now - device.seen_at) / NS, 3)
        return {"there": device.there, "reason": device.reason, "last_s_ago": ago, "count": device.count, "losses": device.losses}


def say_frequency(d: Drift) -> str:
    """Frequency and interval in ppm, with as many digits as the interval has meaning for."""
    half = (d.freq_hi_ppb - d.freq_lo_ppb) / 2000
    digits = 4 if half < 0.05 else 2
    return f"{d.freq_ppb / 1000:+.{digits}f} ppm ({d.freq_lo_ppb / 1000:+.{digits}f} to {d.freq_hi_ppb / 1000:+.{digits}f})"


def say_step(step: ClockStep) -> str:
    by = f" by {step.by}" if step.by else ""
    return f"the system clock was stepped by {step.step_ns / NS:+.6f} s{by}; the measurement is not touched by that"
