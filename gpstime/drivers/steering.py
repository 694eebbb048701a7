"""Who steers the system clock, from looks at the kernel's corrections and at the processes that run (P18, P19).

What is seen is told in sentences, and as `Applied` that names somebody and no correction: one look in many seconds does not tell
how long a correction was in force, so none is claimed; that somebody steers is what reports and records need to know.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gpstime.drivers.adjtimex import Steering, kernel_call, read_steering
from gpstime.drivers.steerers import STEERERS
from gpstime.drivers.steering_flag import bearers
from gpstime.model import Applied, Event, Note
from gpstime.times import NS, RawNs

LEAST_PPB = 0.02
"""`freq` resolves 0.015 ppb; a change of more than this is somebody's doing."""
MOVED_PPB = 1000.0
"""Once it is known that somebody steers, only changes of more than this are told."""
PROCESSES_NS = 300 * NS
"""How often all processes are gone through (1 ms for 84); at once where a correction moved and nobody is known to steer."""
UNKNOWN = "a program that is not known"


def who_steers(root: Path = Path("/")) -> tuple[str, ...]:
    """The programs that steer the system clock, each once, as "chronyd (pid 612)"; another gpstime too, and never this one."""
    found: dict[str, int] = {}
    try:
        places = [p for p in (root / "proc").iterdir() if p.name.isdigit()]
    except OSError:
        return ()
    for place in sorted(places, key=lambda p: int(p.name)):
        try:
            name = STEERERS.get((place / "comm").read_text("utf-8", "replace").strip())
            if name == "chronyd" and _leaves_alone(place):
                continue
        except OSError:
            continue
        if name:
            found.setdefault(name, int(place.name))
    for pid in bearers(root):
        found.setdefault("gpstime", pid)
    return tuple(f"{name} (pid {pid})" for name, pid in found.items())


def _leaves_alone(place: Path) -> bool:
    """A chronyd with -x, which serves time and does not touch the clock."""
    try:
        return b"-x" in (place / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def unit_of(pid: int, root: Path = Path("/")) -> str:
    """The systemd unit that a process belongs to; "" where none is named."""
    try:
        places = (root / "proc" / str(pid) / "cgroup").read_text("utf-8", "replace").replace("\n", "/").split("/")
    except OSError:
        return ""
    return next((place for place in reversed(places) if place.endswith(".service")), "")


class SteeringWatch:
    """Tells who steers, and what is done to the clock. `by`: who steers it now as far as is seen, empty for nobody."""

    def __init__(self, read: Callable[[], Steering | None] | None = None, who: Callable[[], tuple[str, ...]] = who_steers) -> None:
        self._read: Callable[[], Steering | None] = read or functools.partial(read_steering, *kernel_call())
        self._who = who
        self.by = ""
        self._last: Steering | None = None
        self._names: tuple[str, ...] | None = None
        self._looked_at = RawNs(0)
        self._told_ppb = 0.0
        self._seen = self._refused = self._ours = False
        self._strange_ppb: float | None = None

    def who(self) -> tuple[str, ...]:
        """The programs that steer the clock, now."""
        return self._who()

    def kernel(self) -> Steering | None:
        """The kernel's discipline now; None where it refuses to tell."""
        return self._read()

    def expect(self, freq_ppb: float) -> None:
        """We steer, and set the correction to that just now: only what it is changed to by others is news."""
        self._ours, self._told_ppb = True, freq_ppb

    def found(self, freq_ppb: float) -> None:
        """We steer, and found this correction, which we had not set, and set ours again: told at the next look, with who it was."""
        self._strange_ppb = freq_ppb

    def look(self, at: RawNs) -> list[Event]:
        """What is new since the last look."""
        named, ours_ppb = self.by, self._told_ppb
        now, (strange_ppb, self._strange_ppb) = self._read(), (self._strange_ppb, None)
        if now is not None and strange_ppb is not None:
            now = replace(now, freq_ppb=strange_ppb)
        moved_ppb = 0.0 if now is None or self._last is None else now.freq_ppb - self._told_ppb
        moved = abs(moved_ppb) > (MOVED_PPB if self._seen else LEAST_PPB)
        out = self._processes(at, moved)
        if moved and not self._names and not self._ours:
            self.by = UNKNOWN
        if now is None:
            if not self._refused:
                out.append(Note(at, "adjtimex refuses even to be read: who changes the clock's rate is not seen"))
            self._refused = True
        else:
            out += self._kernel(at, now, moved_ppb if moved else None)
        if strange_ppb is not None:
            self._told_ppb = ours_ppb
        if self.by != named:
            out.append(Applied(at, by=self.by))
        return out

    def _processes(self, at: RawNs, moved: bool) -> list[Event]:
        """Who runs that usually steers, looked for now and then."""
        if self._names is not None and at - self._looked_at < PROCESSES_NS and not (moved and not self._names):
            return []
        self._looked_at = at
        names, before = self._who(), self._names
        self._names = names
        if names == before:
            return []
        out: list[Event] = []
        if names:
            out.append(Note(at, f"the system clock is steered by {' and '.join(names)}{_TWO if len(names) > 1 else _ONE}"))
        elif before:
            out.append(Note(at, f"the system clock is no longer steered by {' and '.join(before)}"))
        self.by = " and ".join(names)
        return out

    def _kernel(self, at: RawNs, now: Steering, moved_ppb: float | None) -> list[Event]:
        out: list[Event] = []
        before, self._last = self._last, now
        if before is None:
            self._told_ppb = now.freq_ppb
            if abs(now.freq_ppb) > LEAST_PPB:
                out.append(Note(at, f"the kernel corrects the system clock by {_ppm(now)}"))
        elif moved_ppb is not None:
            by = self.by if self._names else f"{UNKNOWN}: none of those that usually do is running"
            out.append(Note(at, f"the correction of the system clock went by {moved_ppb / 1000:+.4g} to {_ppm(now)}; by {by}"))
            self._told_ppb, self._seen = now.freq_ppb, True
        if now.synchronized and not (before and before.synchronized):
            out.append(Note(at, "the kernel holds the system clock for right: it may copy it into the RTC every 11 minutes"))
        if now.leap and not (before and before.leap):
            word = "insert" if now.leap > 0 else "leave out"
            out.append(Note(at, f"the kernel is told to {word} a leap second at the end of the day"))
        return out


def _ppm(now: Steering) -> str:
    return f"{now.freq_ppb / 1000:+.3f} ppm"


_ONE = ": its rate tells of that, not of the crystal, which is measured on the raw clock"
_TWO = ": two daemons fight over one clock, stop one of them"
