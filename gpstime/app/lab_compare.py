"""`gpstime lab compare`: one crystal, one pulse, one initial error; only what may be done to the clock differs.

Every run is a simulated board of the same seed through the whole engine. Steering acts on the system clock alone, so crystal,
pulses and receiver of all runs are the same to the ns.
"""

from __future__ import annotations

import argparse
import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass

from gpstime.app.durations import parse_duration
from gpstime.app.lab_course import Course, Figures, figures
from gpstime.app.lab_events import Excerpt, Stamped, around, stamped
from gpstime.app.lab_kernel import adjtime, pll
from gpstime.app.run import run
from gpstime.core.corrections import Corrections
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.core.policy import MOST_PPB, Policy
from gpstime.errors import UsageError
from gpstime.model import Applied, Event, Finding
from gpstime.ports import Thinker
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario
from gpstime.sim.streams import seconds, stream
from gpstime.sim.world import SimWorld
from gpstime.store.recorded import lower_bound
from gpstime.times import NS, UtcTime

START = UtcTime.civil(2026, 3, 1, 12, 1)
"""A minute after a window of five minutes began, so that what is done at the start lies inside one."""
LEAD_S = 70
"""So long before that there were events already, stamped by the clock as it was: the window is whole."""
LEAST_S, MOST_S = 60, 7 * 86_400
SHORT_S, LONG_S = 1800, 86_400
MOST_X0_S = 1000.0
"""The panic threshold of NTP; beyond it a clock is set by hand."""


def policies(max_slew_ppb: float = MOST_PPB) -> dict[str, Policy | None]:
    """The four by name. `step-128ms` is ntpd's rule; gpstime's own (`default`) also steps at the first update, beyond 1 ms."""
    return {
        "none": None,
        "slew-only": Policy(first_step_ns=0, step_ns=0, max_slew_ppb=max_slew_ppb),
        "step-128ms": Policy(first_step_ns=0, step_ns=128_000_000, max_slew_ppb=max_slew_ppb),
        "step-always": Policy(first_step_ns=1, step_ns=1, max_slew_ppb=max_slew_ppb),
        "default": Policy(max_slew_ppb=max_slew_ppb),
    }


FOUR = ("none", "slew-only", "step-128ms", "step-always")
KERNEL: dict[str, Callable[[Engine], Thinker]] = {"kernel-pll": pll, "kernel-adjtime": adjtime}
SAID = {
    "none": "no correction",
    "slew-only": "slew only",
    "step-128ms": "step > 128 ms",
    "step-always": "step always",
    "default": "gpstime's own",
    "kernel-pll": "kernel PLL",
    "kernel-adjtime": "adjtime()",
}
"""What people read."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One policy's run. `name` is a stable word."""

    name: str
    course: Course
    figures: Figures
    stamped: Stamped

    @property
    def said(self) -> str:
        return SAID[self.name]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All runs, what they had in common, and the events around the moment that shows most. `what`: in words, for a heading;
    `source`: `sim`, or the capture."""

    what: str
    x0_s: float
    ppm: float | None
    seed: int | None
    max_slew_ppb: float
    ran: tuple[Ran, ...]
    excerpt: Excerpt
    source: str = "sim"

    @property
    def span_s(self) -> float:
        return self.ran[0].course.span_ns / NS

    @property
    def moment_ns(self) -> int:
        """The true instant of the excerpt's middle: the largest step of all, else the first thing that was done."""
        return moment_of([r.course for r in self.ran])[0]

    @property
    def steering(self) -> bool:
        """Whether any of the policies would do anything."""
        return any(r.name != "none" for r in self.ran)

    @property
    def acted(self) -> bool:
        """Whether anything was done to any clock."""
        return any(r.course.acted_ns() is not None for r in self.ran)


class Doings:
    """A sink: what was done to the clock."""

    def __init__(self) -> None:
        self.corrections = Corrections()

    def __call__(self, value: Event | Finding) -> None:
        if isinstance(value, Applied):
            self.corrections.add(value)


def simulate(scenario: Scenario, name: str, policy: Policy | None) -> Course:
    """One run; its course on the axis of the simulation's truth. `name` matters for the kernel's own ways only."""
    world = SimWorld(scenario)
    engine = Engine(BUILT_IN.table, lower_bound(world.head), discipline=policy)
    thinker: Thinker = engine
    if name in KERNEL:
        thinker = KERNEL[name](engine)
        world.clock.max_freq_ppb = math.inf
    doings = Doings()
    raw0, shown0 = world.raw_start, world.clock.shown(world.raw_start)
    run(world, thinker, [doings])
    true_ns = array("q", (k * NS for k in range(world.truth.seconds)))
    raw = array("q", (raw0 + k * NS + round(world.truth.x_ns(k)) for k in range(world.truth.seconds)))
    unix0 = world.calendar.unix_ns(0)
    return Course(true_ns, raw, shown0 - raw0 - unix0, doings.corrections, unix0)


def judged(name: str, course: Course, seed: int, lead_s: float = 0.0) -> Ran:
    """The run with all figures; the same seed, the same events. `lead_s`: how long before its beginning the clock ran alike."""
    return Ran(name, course, figures(course), stamped(course, stream(seed, "lab/events"), round(lead_s * NS)))


def moment_of(courses: list[Course]) -> tuple[int, int]:
    """(true instant, size in ns) of the largest step, else of the first thing done with the offset as size."""
    steps = [(abs(ns), at) for course in courses for at, ns in course.steps]
    if steps:
        size, at = max(steps)
        return at, size
    begun = [acted for course in courses if (acted := course.acted_ns()) is not None]
    return min(begun, default=courses[0].true_ns[-1] // 2), abs(courses[0].offset_ns[0])


def excerpt_of(courses: list[Course]) -> Excerpt:
    at, size = moment_of(courses)
    return around(at, size, before=3, after=6)


def long_enough(x0_s: float, ppm: float, max_slew_ppm: float) -> int:
    """So long (s) that the slew arrives and something is seen of what comes after it, if that is within a day."""
    left = max_slew_ppm - abs(ppm)
    arrives = abs(x0_s) * 1e6 / left if left > 0 else 0.0
    return math.ceil(min(max(SHORT_S, 1.3 * arrives + 300), LONG_S))


def compare(
    x0_s: float = 0.3,
    ppm: float = 20.0,
    seed: int = 0,
    lasts_s: int | None = None,
    max_slew_ppm: float = 500.0,
    kernel: bool = False,
) -> Comparison:
    """Run them all. UsageError for what makes no sense."""
    if not math.isfinite(x0_s) or not 1e-4 <= abs(x0_s) <= MOST_X0_S:
        raise UsageError(f"--x0 {x0_s:g}: an initial error of 0.1 ms to {MOST_X0_S:g} s, before or behind, shows something")
    if not 0 < max_slew_ppm <= MOST_PPB / 1e3:
        raise UsageError(f"--max-slew {max_slew_ppm:g}: more than 0 and at most 500 ppm, which is what the kernel takes")
    if not abs(ppm) <= 400:
        raise UsageError(f"--ppm {ppm:g}: a crystal is at most 400 ppm off here; real ones are below 50")
    span_s = long_enough(x0_s, ppm, max_slew_ppm) if lasts_s is None else lasts_s
    if not LEAST_S <= span_s <= MOST_S:
        raise UsageError("--for: from a minute to a week")
    scenario = Scenario(
        seed=seed,
        duration_s=span_s + 1,
        start=START,
        oscillator=Oscillator(ppm=ppm),
        system_offset_s=x0_s,
    )
    chosen = policies(max_slew_ppm * 1e3)
    names = [*FOUR, *(KERNEL if kernel else ())]
    lead_s = math.ceil(LEAD_S + abs(x0_s))
    ran = tuple(judged(name, simulate(scenario, name, chosen.get(name)), seed, lead_s) for name in names)
    crystal = f"its crystal {'gains' if ppm >= 0 else 'loses'} {abs(ppm):g} us a second"
    what = f"SIMULATED: a clock that is {_said(x0_s)} {'ahead' if x0_s > 0 else 'behind'}; {crystal}; a pulse comes each second."
    return Comparison(what, x0_s, ppm, seed, max_slew_ppm * 1e3, ran, excerpt_of([r.course for r in ran]))


def _said(size_s: float) -> str:
    return f"{abs(size_s):g} s" if abs(size_s) >= 1 else f"{abs(size_s) * 1e3:g} ms"


# ---- options -------------------------------------------------------------------------------------------------------------------


def _number(text: str) -> float:
    try:
        return seconds(text)
    except UsageError as e:
        raise argparse.ArgumentTypeError(str(e)) from None


def _lasting(text: str) -> int:
    try:
        return math.ceil(parse_duration(text))
    except UsageError as e:
        raise argparse.ArgumentTypeError(str(e)) from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is compared. The options of showing are the report's."""
    add = parser.add_argument
    add("--x0", type=_number, default=0.3, metavar="TIME", help="clock minus true time at the start: 300ms, or --x0=-2s (300ms)")
    add("--ppm", type=float, default=20.0, metavar="PPM", help="frequency error of the crystal; positive gains (20)")
    add("--seed", type=int, default=0, metavar="N", help="of crystal, pulse and events (0)")
    add("--for", dest="lasts_s", type=_lasting, metavar="TIME", help="how long (default: until the slew has arrived, 30m at least)")
    add("--max-slew", type=float, default=500.0, metavar="PPM", help="the fastest slew, drift included (500, the kernel's limit)")
    add("--kernel", action="store_true", help="beside them the kernel's own ways: its PLL, and adjtime()")


def compare_args(args: argparse.Namespace) -> Comparison:
    """As the options say."""
    return compare(args.x0, args.ppm, args.seed, args.lasts_s, args.max_slew, args.kernel)
