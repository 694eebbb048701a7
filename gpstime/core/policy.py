"""What may be done to a clock: when to step, how fast to slew, when to leave it alone. The field's words and defaults."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from gpstime.errors import UsageError

MOST_PPB = 500_000.0
"""The kernel's MAXFREQ, 500 ppm."""


class Verdict(enum.Enum):
    """What an offset calls for."""

    SLEW = "slew"
    STEP = "step"
    PANIC = "panic"


@dataclass(frozen=True, slots=True)
class Policy:
    """`first_step_ns`: the first verified update steps an offset beyond this; `step_ns`: so does any later one (0: never).

    `step_updates`: steps are allowed in that many first updates only (None: always; chrony's makestep, second number).
    `panic_ns`: an offset beyond this, other than at the first update, is not believed at all (0: none; ntpd's panic threshold).
    `stepout_s`: an offset that came at once and that no step of the system clock explains must last so long before it is acted on.
    `never_back`: the clock is never stepped backwards; what it is ahead is slewed away, however long that takes.
    `max_slew_ppb`: the largest frequency correction, drift included; and no offset goes faster, whichever way the drift is.
    `free_ns`: beyond this bound a holdover is a free-running clock, and nobody should be told its time any more.
    `second_known`: the clock is known to be right to half a second (another source said so), so that a pulse needs no sentence to
    name its second. `next_second`: the clock carries a slew of its phase from its next whole second on, as the kernel's does.
    `takeover`: steer although somebody else is seen to steer too. `clock_right`: somebody trustworthy (the kernel's STA_UNSYNC is
    clear: NTP) held the clock for right when the run began, so that seconds of disagreement need more than a receiver's word.
    """

    first_step_ns: int = 1_000_000
    step_ns: int = 128_000_000
    max_slew_ppb: float = MOST_PPB
    second_known: bool = False
    step_updates: int | None = None
    panic_ns: int = 1_000_000_000_000
    stepout_s: float = 300.0
    never_back: bool = False
    free_ns: float = 1_000_000.0
    next_second: bool = False
    takeover: bool = False
    clock_right: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.max_slew_ppb <= MOST_PPB:
            raise UsageError(
                f"a slew rate of {self.max_slew_ppb:g} ppb can't be had: the kernel takes more than 0, at most {MOST_PPB:g}"
            )
        if self.first_step_ns < 0 or self.step_ns < 0 or self.panic_ns < 0:
            raise UsageError("a step threshold is a size in ns: 0 for never, or more")
        if not self.stepout_s >= 0.0 or not self.free_ns > 0.0:
            raise UsageError("stepout is a time in s, 0 or more; the bound of a free-running clock a size in ns, more than 0")
        if self.step_updates is not None and self.step_updates < 0:
            raise UsageError("the number of updates that may step is 0 or more, or none for always")

    def steps(self, offset_ns: float, first: bool) -> bool:
        """Whether an offset so large is stepped away; `first`: it is the first verified one."""
        return self.verdict(offset_ns, 0 if first else 1) is Verdict.STEP

    def verdict(self, offset_ns: float, updates: int, explained: bool = False) -> Verdict:
        """What this offset calls for after so many updates; `explained`: somebody was seen to step the clock by that much."""
        first, size = updates == 0, abs(offset_ns)
        if not first and not explained and 0 < self.panic_ns < size:
            return Verdict.PANIC
        if self.never_back and offset_ns > 0.0:
            return Verdict.SLEW
        if self.step_updates is not None and updates >= self.step_updates:
            return Verdict.SLEW
        if 0 < self.step_ns < size or (first and 0 < self.first_step_ns < size):
            return Verdict.STEP
        return Verdict.SLEW
