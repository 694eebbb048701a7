"""The board's clocks: the counter that quantises all stamps, and the system clock that somebody may steer and step."""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.errors import UsageError
from gpstime.times import RawNs, UnixNs

MAX_FREQ_PPB = 500_000.0
"""adjtimex refuses more (the kernel's MAXFREQ, 500 ppm)."""


@dataclass(frozen=True, slots=True)
class Board:
    """A model: its full name and the counter behind its raw clock (num/den ticks per ns)."""

    name: str
    num: int
    den: int
    irq_bias_ns: float
    """Mean latency of a kernel pulse stamp (field figures: 7 to 20 us on a Pi 5, 1 to 5 us on older boards; F-P01)."""

    def quantise(self, raw: int) -> RawNs:
        """The raw clock as the counter shows it: the last whole tick, in ns."""
        return RawNs(raw * self.num // self.den * self.den // self.num)


_MHZ_1, _MHZ_19_2, _MHZ_54 = (1, 1000), (12, 625), (27, 500)
BOARDS = {
    "pi0": Board("Raspberry Pi Zero W Rev 1.1", *_MHZ_1, 3_000.0),
    "pi1": Board("Raspberry Pi Model B Rev 2", *_MHZ_1, 3_000.0),
    "pi2": Board("Raspberry Pi 2 Model B Rev 1.1", *_MHZ_19_2, 3_000.0),
    "pi3": Board("Raspberry Pi 3 Model B Plus Rev 1.3", *_MHZ_19_2, 3_000.0),
    "pi02": Board("Raspberry Pi Zero 2 W Rev 1.0", *_MHZ_19_2, 3_000.0),
    "pi4": Board("Raspberry Pi 4 Model B Rev 1.4", *_MHZ_54, 3_000.0),
    "pi5": Board("Raspberry Pi 5 Model B Rev 1.0", *_MHZ_54, 10_000.0),
    "ideal": Board("ideal board (1 ns counter, no latency)", 1, 1, 0.0),
}
"""The counter is the 1 MHz system timer on BCM2835, the 19.2 MHz crystal on BCM2836/7, 54 MHz on BCM2711/2712."""


def board(name: str) -> Board:
    """By short name; UsageError names the known ones."""
    if name not in BOARDS:
        raise UsageError(f"unknown board {name!r}; known: {', '.join(BOARDS)}")
    return BOARDS[name]


class SimClock:
    """The system clock as a function of the raw clock: slewed by a frequency correction, moved by steps.

    `mono` is slewed with it but never stepped, so shown - mono changes by steps only, as on Linux. `max_freq_ppb`: what a program
    may set; what the kernel adds by itself may be more.
    """

    def __init__(self, raw: int, shown: int, freq_ppb: float = 0.0) -> None:
        self.max_freq_ppb = MAX_FREQ_PPB
        self._raw, self._mono = raw, raw
        self._ahead = shown - raw
        self.freq_ppb = freq_ppb
        self.era = 0

    def mono(self, raw: int) -> int:
        """CLOCK_MONOTONIC at this raw time."""
        elapsed = raw - self._raw
        return self._mono + elapsed + round(elapsed * self.freq_ppb * 1e-9)

    def shown(self, raw: int) -> UnixNs:
        """CLOCK_REALTIME at this raw time."""
        return UnixNs(self.mono(raw) + self._ahead)

    def set_frequency(self, raw: int, freq_ppb: float) -> float:
        """Correct by this much from now on; returns what was really set."""
        self._mono, self._raw = self.mono(raw), raw
        self.freq_ppb = max(-self.max_freq_ppb, min(self.max_freq_ppb, freq_ppb))
        return self.freq_ppb

    def step(self, delta_ns: int) -> None:
        """Move what the clock shows (positive: forward); a new era begins."""
        self._ahead += delta_ns
        self.era += 1
