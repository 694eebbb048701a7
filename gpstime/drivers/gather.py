"""How long to let bytes come together before they are read: a wake-up costs more than a hundred bytes.

Two bursts must not share a portion: the second one's beginning, on which the name of a second rests, would be lost. So the first
seconds, and some in every minute, are read in short portions; the silences in them show how often bursts begin (once a second, or
ten times). Then a portion may last until shortly before the next burst is due. What a portion holds is looked at too: one that
says RMC twice held two bursts, and they are learned anew.
"""

from __future__ import annotations

from itertools import pairwise

from gpstime.times import NS, RawNs

SHORTEST_S, LONGEST_S = 0.02, 0.5
EARLY_S = 0.06
"""A burst may come this much earlier than its due time, and still not share a portion with the end of the one before."""
LEARN_NS = 3_300_000_000
AGAIN_NS = 60 * NS
_ONCE = (b"RMC,", b"GGA,", b"ZDA,")
"""A burst says each of these at most once."""


class Gather:
    """`pause_s` before a portion is read, `took` after it."""

    def __init__(self) -> None:
        self._read_at: RawNs | None = None
        self._begun = RawNs(0)
        self._period_ns = 0
        """Between two bursts; 0: there is no silence between them, or it is not known yet."""
        self._learn_from: RawNs | None = None
        self._silences: list[tuple[RawNs, int]] = []
        """While learning: when a silence ended, and how long it was."""

    def relearn(self) -> None:
        """Another rate, another receiver: nothing is known."""
        self._period_ns, self._learn_from = 0, None
        self._silences.clear()

    def pause_s(self, at: RawNs, fits_s: float) -> float:
        """For a portion whose first byte came at `at`; `fits_s`: how long the port's buffer lasts."""
        if self._learn_from is None or at < self._learn_from or at - self._learn_from > AGAIN_NS:
            self._learn_from, self._period_ns = at, 0
            self._silences.clear()
        silence = 0 if self._read_at is None else at - self._read_at
        if at - self._learn_from <= LEARN_NS:
            if silence > SHORTEST_S * NS:
                self._silences.append((at, silence))
            return min(SHORTEST_S, fits_s)
        if self._silences:
            self._learned()
        if silence > SHORTEST_S * NS and at - self._begun > 0.8 * self._period_ns:
            self._begun = at
        left_s = (self._begun + self._period_ns - at) / NS - EARLY_S
        return min(max(SHORTEST_S, min(LONGEST_S, left_s)), fits_s)

    def _learned(self) -> None:
        """The shortest time between two silences; one below a third of the longest is a breath between sentences (as in `pace`)."""
        longest = max(length for _, length in self._silences)
        ends = [at for at, length in self._silences if 3 * length > longest]
        self._silences.clear()
        self._period_ns = min((b - a for a, b in pairwise(ends)), default=0)
        self._begun = ends[-1]

    def took(self, data: bytes, at: RawNs) -> None:
        """A portion was read at `at`."""
        self._read_at = at
        if self._period_ns and any(data.count(word) > 1 for word in _ONCE):
            self.relearn()
