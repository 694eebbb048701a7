"""The kernel's own ways to take an offset out, in its integer arithmetic: the phase-locked loop and adjtime.

After kernel/time/ntp.c of Linux 6.x, behaviour only. Once a second, at the clock's second overflow:

    PLL (STA_PLL, ADJ_OFFSET)        1 / 2^(2 + constant) of what is left of the offset; each new offset also moves the frequency by
                                     offset * seconds since the last one / 2^(2 * (4 + constant)), to at most 500 ppm
    adjtime (ADJ_OFFSET_SINGLESHOT)  at most 500 us of what is left, in whole us; the frequency learns nothing

Neither looks at the other, and the PLL's share of a phase has no limit but that of the offset itself, half a second.
"""

from __future__ import annotations

SCALE = 32
"""Frequencies and phases are ns (per s) times 2^32."""
SHIFT_PLL = 2
MOST_PHASE_NS = 500_000_000
MOST_FREQ = 500_000 << SCALE
MOST_TICKADJ_US = 500


def _chunk(value: int, shift: int) -> int:
    """The kernel's shift_right: towards zero."""
    return -(-value >> shift) if value < 0 else value >> shift


class KernelNtp:
    """`constant`: the PLL's time constant in force, 0 to 10 (ntpd sets it to the log2 of its poll interval).

    Offsets are what is to be added to the clock. `freq_ppb` is what the PLL has learned.
    """

    def __init__(self, constant: int) -> None:
        assert 0 <= constant <= 10
        self.constant = constant
        self._freq = self._offset = self._adjust_us = 0

    @property
    def freq_ppb(self) -> float:
        return self._freq / 2.0**SCALE

    def adj_offset(self, offset_ns: int, since_s: int) -> None:
        """ADJ_OFFSET with STA_PLL and STA_NANO, so many seconds after the last one (0 for the first)."""
        offset_ns = max(-MOST_PHASE_NS, min(MOST_PHASE_NS, offset_ns))
        since_s = min(since_s, 1 << (SHIFT_PLL + 1 + self.constant))
        shift = SCALE - 2 * (SHIFT_PLL + 2 + self.constant)
        freq = self._freq + (offset_ns * since_s << shift if shift >= 0 else offset_ns * since_s >> -shift)
        self._freq = max(-MOST_FREQ, min(MOST_FREQ, freq))
        self._offset = offset_ns << SCALE

    def adjtime(self, offset_us: int) -> None:
        """ADJ_OFFSET_SINGLESHOT: takes the place of what was left of the last one."""
        self._adjust_us = offset_us

    def second_overflow(self) -> float:
        """The correction in force during the second that begins (ppb)."""
        chunk = _chunk(self._offset, SHIFT_PLL + self.constant)
        self._offset -= chunk
        us = max(-MOST_TICKADJ_US, min(MOST_TICKADJ_US, self._adjust_us))
        self._adjust_us -= us
        return (self._freq + chunk) / 2.0**SCALE + us * 1000.0
