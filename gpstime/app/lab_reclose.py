"""`gpstime lab reclose`: a recorded night closed again with other policies; true time is what its pulses say.

The corrections of that night are taken off its clock (`store.reclosed`), and the engine steers it anew. Without a truth the axis is
the pulses themselves, so their noise is in what is shown.
"""

from __future__ import annotations

import argparse
from array import array
from typing import Any

from gpstime.app.lab_compare import FOUR, SAID, Comparison, Ran, excerpt_of, judged, policies
from gpstime.app.lab_course import Course
from gpstime.app.run import run
from gpstime.core.corrections import Corrections
from gpstime.core.engine import Engine
from gpstime.core.policy import MOST_PPB, Policy
from gpstime.errors import UsageError
from gpstime.model import Applied, ClockStep, Event, Finding, Kind, Offset
from gpstime.store.reclosed import ReclosedWorld
from gpstime.store.recorded import RecordedWorld
from gpstime.times import NS, LeapTable

RECLOSABLE = (*FOUR, "default")


class Witness:
    """A sink: labelled pulses, and what was done to the clock by anybody. Steps as the engine saw them, so that those that nobody
    declared are among them."""

    def __init__(self) -> None:
        self.corrections = Corrections()
        self.pulses: list[Offset] = []

    def __call__(self, value: Event | Finding) -> None:
        if isinstance(value, Applied) and value.freq_ppb is not None:
            self.corrections.add(Applied(value.at, value.freq_ppb, 0, value.era, value.by))
        elif isinstance(value, ClockStep):
            self.corrections.add(Applied(value.at, None, value.step_ns))
        elif isinstance(value, Offset) and value.kind is Kind.OK and value.tai is not None and value.offset_ns is not None:
            self.pulses.append(value)

    def course(self) -> Course | None:
        """None with fewer than two labelled pulses. The axis counts true seconds: a leap second on the way is one of offset."""
        pulses = self.pulses
        if len(pulses) < 2:
            return None
        first = pulses[0]
        assert first.tai is not None
        assert first.offset_ns is not None
        assert first.second is not None
        true_ns = array("q", (p.tai - first.tai for p in pulses if p.tai is not None))
        raw = array("q", (p.at for p in pulses))
        ahead = first.offset_ns - first.at - self.corrections.just_before(first.at)
        return Course(true_ns, raw, ahead, self.corrections, first.second.unix)


def close_again(capture: str, leap: LeapTable, policy: Policy | None, witness: Witness) -> tuple[ReclosedWorld, dict[str, Any]]:
    """One run over the capture; the world, for who else steered, and the capture's head."""
    recorded = RecordedWorld(capture)
    world = ReclosedWorld(recorded)
    try:
        run(world, Engine(leap, recorded.not_before, discipline=policy), [witness])
    finally:
        world.close()
    return world, recorded.head


def reclose(capture: str, leap: LeapTable, names: tuple[str, ...] = FOUR, max_slew_ppm: float = 500.0) -> Comparison | None:
    """All of `names` over the capture. None where no pulse has a verified second. CaptureError for what is no capture."""
    if not 0 < max_slew_ppm <= MOST_PPB / 1e3:
        raise UsageError(f"--max-slew {max_slew_ppm:g}: more than 0 and at most 500 ppm, which is what the kernel takes")
    chosen = policies(max_slew_ppm * 1e3)
    ran: list[Ran] = []
    others: set[str] = set()
    said = capture
    for name in names:
        witness = Witness()
        world, head = close_again(capture, leap, chosen[name], witness)
        others |= world.by_others
        said = f"SIMULATED: {capture}" if head.get("host") == "simulated" else capture
        course = witness.course()
        if course is None:
            return None
        ran.append(judged(name, course, 0))
    what = f"{said}, closed again: the same crystal and pulses, other corrections."
    if others:
        what += f" What {', '.join(sorted(others))} did to its clock is left in it, and no policy steers beside it."
    x0_s = ran[0].figures.first_ns / NS
    return Comparison(what, x0_s, None, None, max_slew_ppm * 1e3, tuple(ran), excerpt_of([r.course for r in ran]), capture)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is closed again, and how."""
    parser.add_argument("capture", metavar="CAPTURE", help="an open capture (gpstime export writes one of a run of the record)")
    parser.add_argument(
        "--policy",
        action="append",
        choices=RECLOSABLE,
        help="; ".join(f"{name}: {SAID[name]}" for name in RECLOSABLE) + " (may be given several times; the first four by default)",
    )
    parser.add_argument("--max-slew", type=float, default=500.0, metavar="PPM", help="the fastest slew, drift included (500)")


def reclose_args(args: argparse.Namespace) -> Comparison | None:
    """As the options say."""
    from gpstime.drivers.leap_files import load

    if args.capture == "-":
        raise UsageError("a capture that is closed again is read once for each policy: give a file, not -")
    return reclose(args.capture, load(), tuple(dict.fromkeys(args.policy or FOUR)), args.max_slew)
