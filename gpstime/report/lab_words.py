"""What the lab says of a run, in a few words: for the terminal's page and the picture alike."""

from __future__ import annotations

from gpstime.app.durations import say_duration
from gpstime.app.lab_compare import Comparison, Ran
from gpstime.report.figures import say_time

STEP_AND_SLEW = "A step sets a clock right at once; a slew lets it run a little slower or faster until it is right."
"""For whoever meets the words here for the first time."""
DOES = {
    "none": "is left alone",
    "slew-only": "never jumps, runs slower or faster",
    "step-128ms": "jumps when off by more than 128 ms",
    "step-always": "jumps at every pulse",
    "default": "jumps at first, later beyond 128 ms",
    "kernel-pll": "the kernel's loop, told every 16 s",
    "kernel-adjtime": "the kernel's slew, told every 64 s",
}
"""What each policy lets a clock do."""
SMALL_NS = 1_000_000
"""Steps below this are not told one by one."""


def settled_s(ran: Ran) -> float | None:
    """Seconds from the first thing that was done to the clock until it is within 10 us for good; None: never."""
    acted, settled = ran.course.acted_ns(), ran.figures.settled_s
    if settled is None or acted is None:
        return settled
    return max(0.0, settled - acted / 1e9)


def times(count: int) -> str:
    return "never" if not count else "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def small_back(ran: Ran) -> int:
    """How often time was put back by less than a ms."""
    return sum(-SMALL_NS < size < 0 for _, size in ran.course.steps)


def ns(size_ns: float) -> str:
    return say_time(size_ns * 1e-9) if size_ns else "0"


def signed(size_ns: float) -> str:
    return ("+" if size_ns > 0 else "") + ns(size_ns)


def ppm(rate_ppb: float) -> str:
    return f"{rate_ppb / 1e3:+.3g} ppm" if abs(rate_ppb) < 999_500 else f"{rate_ppb / 1e3:+.0f} ppm"


def headline(ran: Ran) -> str:
    """What became of the clock, and what it cost: a sentence without an end."""
    f, s = ran.figures, ran.stamped
    settled = settled_s(ran)
    if ran.course.acted_ns() is None:
        growing = abs(f.last_ns) > abs(f.first_ns)
        return f"off by {ns(abs(f.last_ns))} at the end{', and growing' if growing else ''}; order and counts are kept"
    right = "not right by the end" if settled is None else f"right after {say_duration(settled)}"
    costs = []
    if f.most_back_ns >= SMALL_NS:
        costs.append(f"{ns(f.most_back_ns)} shown twice, {s.reordered} events out of order")
    if f.most_forward_ns >= SMALL_NS:
        costs.append(f"{ns(f.most_forward_ns)} never shown")
    if small_back(ran):
        costs.append(f"time back {times(f.back)}")
    if not costs:
        costs.append("all in order, at rates up to " + ppm(f.worst_rate_ppb) if not f.back + f.forward else "all in order")
    return f"{right}; {'; '.join(costs)}"


def rows(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """The table: what, and a word for each run."""
    ran = comparison.ran
    expected = next((w.expected for r in ran for w in r.stamped.windows), 0)
    windows = f"5 min of {expected}, off by" if expected else ""

    def right(r: Ran) -> str:
        settled = settled_s(r)
        return "never" if settled is None else say_duration(settled)

    found = [
        ("within 10 us after", [right(r) for r in ran]),
        ("off at the end", [signed(r.figures.last_ns) for r in ran]),
        ("worst rate", [ppm(r.figures.worst_rate_ppb) for r in ran]),
        ("time went backwards", [times(r.figures.back) for r in ran]),
        ("  farthest", [ns(r.figures.most_back_ns) for r in ran]),
        ("  shown twice in all", [ns(r.figures.repeated_ns) for r in ran]),
        ("time jumped forwards", [times(r.figures.forward) for r in ran]),
        ("  farthest", [ns(r.figures.most_forward_ns) for r in ran]),
        ("events out of order", [str(r.stamped.reordered) for r in ran]),
        ("a stamp given twice", [str(r.stamped.duplicated) for r in ran]),
    ]
    if windows:
        found.append((windows, [f"{r.stamped.worst_window:+d}" if r.stamped.windows else "" for r in ran]))
    return found
