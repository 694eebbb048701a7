"""How long to let bytes come together before they are read: a wake-up costs more than a hundred bytes.

Two bursts must not share a portion: the second one's beginning, on which the name of a second rests, would be lost. So the first
seconds are read in short portions; the silences in them show how often bursts begin (once a second, or ten times) and how long they
last. Then a portion holds a burst, or as much of it as comes until shortly before the next is due. What was learned is looked at
again after a minute, and as long as it was right after twice as long each time. What a portion holds is looked at too: one that
says RMC twice held two bursts, and they are learned anew.
"""

from __future__ import annotations

from itertools import pairwise

from gpstime.times import NS, RawNs

SHORTEST_S, LONGEST_S = 0.02, 1.0
EARLY_S = 0.06
"""A burst may come this much earlier than its due time, and still not share a portion with the end of the one before."""
LEARN_NS = 3_300_000_000
AGAIN_NS, LATEST_NS = 60 * NS, 960 * NS
"""Between two times of learning: the first, and the longest after the first confirmed what was known."""
ALIKE = 0.05
"""Two periods that differ by less than this share are one."""
_ONCE = (b"RMC,", b"GGA,", b"ZDA,")
"""A burst says each of these at most once."""


class Gather:
    """`pause_s` before a portion is read, `took` after it."""

    def __init__(self) -> None:
        self._read_at: RawNs | None = None
        self._begun = RawNs(0)
        self._period_ns = 0
        """Between two bursts; 0: there is no silence between them, or it is not known yet."""
        self._known_ns = 0
        """The period as it was learned last."""
        self._lasts_ns = 0
        """From a burst's begin until all of it can be read."""
        self._follows = False
        """The portion that is gathered continues a burst of which one was read."""
        self._learn_from: RawNs | None = None
        self._again_ns = AGAIN_NS
        self._silences: list[tuple[RawNs, int]] = []
        """While learning: when a silence ended, and how long it was."""

    def relearn(self) -> None:
        """Another rate, another receiver: nothing is known."""
        self._period_ns = self._known_ns = self._lasts_ns = 0
        self._learn_from, self._again_ns, self._follows = None, AGAIN_NS, False
        self._silences.clear()

    def pause_s(self, at: RawNs, fits_s: float) -> float:
        """For a portion whose first byte came at `at`; `fits_s`: how long the port's buffer lasts."""
        if self._learn_from is None or at < self._learn_from or at - self._learn_from > self._again_ns:
            self._learn_from, self._period_ns, self._follows = at, 0, False
            self._silences.clear()
        silence = 0 if self._read_at is None else at - self._read_at
        if at - self._learn_from <= LEARN_NS:
            if silence > SHORTEST_S * NS:
                self._silences.append((at, silence))
            return min(SHORTEST_S, fits_s)
        if self._silences:
            self._learned()
        if silence > SHORTEST_S * NS and at - self._begun > 0.8 * self._period_ns:
            self._begun, self._follows = at, False
        else:
            self._follows = at - self._begun < self._period_ns
        left_s = (self._begun + self._period_ns - at) / NS - EARLY_S
        rest_s = (self._begun + self._lasts_ns - at) / NS
        return min(max(SHORTEST_S, min(LONGEST_S, left_s, rest_s)), fits_s)

    def _learned(self) -> None:
        """The shortest time between two silences; one below a third of the longest is a breath between sentences (as in `pace`)."""
        longest = max(length for _, length in self._silences)
        bursts = [(at, length) for at, length in self._silences if 3 * length > longest]
        self._silences.clear()
        self._period_ns = period = min((b - a for (a, _), (b, _) in pairwise(bursts)), default=0)
        self._lasts_ns = max((b - silence - a for (a, _), (b, silence) in pairwise(bursts)), default=0)
        alike = abs(period - self._known_ns) < ALIKE * period
        self._again_ns = min(2 * self._again_ns, LATEST_NS) if alike else AGAIN_NS
        self._known_ns = period
        self._begun = bursts[-1][0]

    def took(self, data: bytes, at: RawNs) -> None:
        """A portion was read at `at`."""
        self._read_at = at
        if self._follows:  # the burst was longer than thought
            self._lasts_ns = max(self._lasts_ns, at - self._begun)
        if self._period_ns and any(data.count(word) > 1 for word in _ONCE):
            self.relearn()
