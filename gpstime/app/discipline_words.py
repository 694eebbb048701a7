"""What a discipline has to say while it runs, one line for people each; and how it stands, for `gpstime status`."""

from __future__ import annotations

import math

from gpstime.app.durations import say_duration
from gpstime.core.discipline import Discipline
from gpstime.core.wander import SOON_S
from gpstime.model import (
    Applied,
    Event,
    Finding,
    HoldoverBegan,
    HoldoverScored,
    Mode,
    ModeChange,
    SlewAnnounced,
    StepAnnounced,
)
from gpstime.times import UtcTime


def say(value: Event | Finding) -> str:
    """The line; "" for what is not worth one."""
    if isinstance(value, ModeChange):
        return f"{value.old.value} -> {value.new.value}: {value.why}"
    if isinstance(value, StepAnnounced):
        shows = f"from {_clock(value.before)} to {_clock(value.after)}"
        return f"stepping the clock by {value.delta_ns / 1e9:+.9f} s, {shows}: {value.why}"
    if isinstance(value, SlewAnnounced):
        lasts, rate = say_duration(value.arrives_s), value.rate_ppb / 1e3
        return f"slewing {value.offset_ns / 1e9:+.6f} s away at {rate:+.0f} ppm: there in {lasts}"
    if isinstance(value, HoldoverBegan):
        forecast = (
            f"within {value.limit_ns / 1e6:g} ms for {say_duration(value.lasts_s)} from the last pulse on (95 %), if none comes"
        )
        return forecast if value.lasts_s <= max(value.seen_s, SOON_S) else f"{forecast}; {assumed(value.seen_s)}"
    if isinstance(value, HoldoverScored):
        verdict = "within" if abs(value.off_ns) <= value.bound_ns else "BEYOND"
        off, bound = value.off_ns / 1e3, value.bound_ns / 1e3
        score = f"{value.held} of {value.outages} outages so far held"
        after = f"after {say_duration(value.lasted_s)} of holdover the clock was {off:+.1f} us off"
        return f"{after}, {verdict} its bound of {bound:.1f} us ({score})"
    return value.refused if isinstance(value, Applied) else ""


def assumed(seen_s: float) -> str:
    """What a forecast beyond `seen_s` rests on."""
    if not seen_s:
        return "no forecast was scored yet: what seconds don't show, such as the day's temperature, may not be in it"
    ahead = f"forecasts were scored up to {say_duration(seen_s)} ahead"
    return f"{ahead}: what is slower, such as the day's temperature, may not be in it"


def worrying(value: Event | Finding) -> bool:
    """Whether somebody should look: steering ended, or the clock is stepped."""
    if isinstance(value, ModeChange):
        return value.new in (Mode.FAULTED, Mode.FREE_RUNNING, Mode.HOLDOVER)
    return isinstance(value, (StepAnnounced, Applied))


def _clock(unix: int) -> str:
    return UtcTime.from_unix(unix).iso(6)


def standing(loop: Discipline) -> dict[str, object]:
    """Keys are documented in docs/json.md."""
    bound = loop.bound
    known = bound is not None and math.isfinite(bound.bound_ns)
    return {
        "mode": loop.mode.value,
        "why": loop.modes.why,
        "updates": loop.updates,
        "offset_ns": _rounded(loop.expected.left_ns),
        "correction_ppb": _rounded(loop.servo.bare_ppb),
        "bound_ns": _rounded(bound.bound_ns) if bound is not None and known else None,
        "growth_ppb": _rounded(bound.growth_ppb) if bound is not None and known else None,
        "bound_status": bound.status.value if bound is not None else "unknown",
        "parts_ns": {name: _rounded(ns) for name, ns in bound.parts.items()} if bound is not None else {},
        "extrapolated": bound.extrapolated if bound is not None and known else None,
        "seen_s": loop.servo.phase.wander.seen_s,
        "coverage": _rounded(loop.coverage.share),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
