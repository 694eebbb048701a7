"""What is true of a fake RTC chip at an instant: for tests, and for nobody who pretends to be its driver."""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.times import UtcTime


@dataclass(frozen=True, slots=True)
class ChipTruth:
    """A chip at true instant `at_ns`. `shows`: the counters with the divider's fraction, None if they hold no time.

    `ppm` is the rate now (trim and temperature in it), `mean_ppm` the same with the mean of what the trim does in pulses;
    `phase_ns` is how far (chip ns) it is into its second; `last_tick_ns` and `next_tick_ns` are true instants (the next one: if
    nobody writes); `elapsed_ns` is all that its crystal has counted, and is untouched by setting.
    """

    at_ns: int
    shows: UtcTime | None
    phase_ns: float
    ppm: float
    mean_ppm: float
    last_tick_ns: int | None
    next_tick_ns: int | None
    counting: bool
    trusted: bool
    elapsed_ns: float
