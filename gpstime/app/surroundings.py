"""What a live board says of itself beside pulse and sentence: how late its stamps are, its temperature, who moves its clocks."""

from __future__ import annotations

from pathlib import Path

from gpstime.app.settings import AUTO
from gpstime.app.sources import Regular
from gpstime.drivers.adjtimex import SteeringWatch
from gpstime.drivers.board import Bias, condition, family_of, known_bias, model_of
from gpstime.model import Event, Note, Temperature
from gpstime.ports import Timebase

STAMPERS = ("kernel", "gpio", "user", "gpsd")
"""Who may have stamped an edge (`EdgeStamp.stamped_by`)."""


def biases(bias_us: float | str, root: Path = Path("/")) -> dict[str, Bias]:
    """How late stamps are, by who made them: the configured number for all of them, with "auto" what is known of this board.

    A configured number has a doubt of 0: whoever measured it knows better than this program. Nothing is said of what is not known.
    """
    if bias_us != AUTO:
        configured = Bias(round(float(bias_us) * 1000), 0, "as configured")
        return dict.fromkeys(STAMPERS, configured)
    family = family_of(model_of(root))
    return {stamper: bias for stamper in STAMPERS if (bias := known_bias(family, stamper)) is not None}


def bias_facts(found: dict[str, Bias]) -> dict[str, object]:
    """For the status and the head of a record: `{"kernel": {"late_ns": 13500, "doubt_ns": 6500, "why": "..."}, ...}`."""
    return {stamper: {"late_ns": b.late_ns, "doubt_ns": b.doubt_ns, "why": b.why} for stamper, b in found.items()}


def say_bias(found: dict[str, Bias], stamper: str = "kernel") -> str:
    """One line for people: accuracy is no better than this, whatever the jitter."""
    if stamper not in found:
        return (
            f"stamps of the {stamper} are late by an unknown constant on this board: offsets are wrong by it, frequencies are not"
        )
    bias = found[stamper]
    doubt = f" give or take {bias.doubt_ns / 1000:g} us" if bias.doubt_ns else ""
    return f"stamps of the {stamper} are taken to be {bias.late_ns / 1000:g} us late{doubt}: {bias.why}"


def board_source(every_s: float, timebase: Timebase, root: Path = Path("/")) -> Regular:
    """Temperature each time; throttling, governor and ARM clock when what they say changes (P20)."""
    told: list[str] = []

    def ask() -> list[Event]:
        found, at = condition(root), timebase.now()
        out: list[Event] = [] if found.celsius is None else [Temperature(at, found.sensor, found.celsius)]
        said = found.said()
        out += [Note(at, text) for text in said if text not in told]
        out += [Note(at, f"no longer: {text}") for text in told if text not in said]
        told[:] = said
        return out

    return Regular("board", every_s, ask, timebase)


def steering_source(every_s: float, timebase: Timebase, watch: SteeringWatch | None = None) -> Regular:
    """Who steers the system clock, and what is done to it (P18, P19)."""
    watching = watch or SteeringWatch()
    return Regular("steering", every_s, lambda: watching.look(timebase.now()), timebase)
