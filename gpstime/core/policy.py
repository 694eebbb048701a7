"""What may be done to a clock: when to step, how fast to slew. The field's words and defaults."""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.errors import UsageError

MOST_PPB = 500_000.0
"""The kernel's MAXFREQ, 500 ppm."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`first_step_ns`: the first verified update steps an offset beyond this; `step_ns`: so does any later one (0: never).

    `max_slew_ppb`: the largest frequency correction, drift included. `second_known`: the clock is known to be right to half a
    second (another source said so), so that a pulse needs no sentence to name its second.
    """

    first_step_ns: int = 1_000_000
    step_ns: int = 128_000_000
    max_slew_ppb: float = MOST_PPB
    second_known: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.max_slew_ppb <= MOST_PPB:
            raise UsageError(
                f"a slew rate of {self.max_slew_ppb:g} ppb can't be had: the kernel takes more than 0, at most {MOST_PPB:g}"
            )
        if self.first_step_ns < 0 or self.step_ns < 0:
            raise UsageError("a step threshold is a size in ns: 0 for never, or more")

    def steps(self, offset_ns: float, first: bool) -> bool:
        """Whether an offset so large is stepped away; `first`: it is the first verified one."""
        return 0 < self.step_ns < abs(offset_ns) or (first and 0 < self.first_step_ns < abs(offset_ns))
