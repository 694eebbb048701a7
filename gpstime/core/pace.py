"""Which bytes came together: the bursts of a serial port, found by the silence before them.

The first byte of a burst is what arrives at a steady delay after the pulse; a sentence in the middle moves with the satellites in
view. All that is known of a portion is the arrival of its first byte and its length, so it lasts length times the time of one
byte, which is learned from the portions themselves.
"""

from __future__ import annotations

from gpstime.times import DAY_S, NS, RawNs

SLOWEST_BYTE_NS = NS * 10 // 4800
"""4800 baud, ten bits a byte: assumed until the port shows to be faster."""
FASTEST_BYTE_NS = NS * 10 // 921_600

SHORTEST_SILENCE_NS = 20_000_000
"""A pause below this is the scheduler's or the receiver taking breath between sentences."""
LONGEST_SCALE_NS = 600_000_000

_DAY_NS = DAY_S * NS


class Burst:
    """One burst: when its first byte arrived, and the time of day that its sentences say (None before the first that says one)."""

    __slots__ = ("at", "time_ns")

    def __init__(self, at: RawNs) -> None:
        self.at = at
        self.time_ns: int | None = None

    def tell(self, at: RawNs, time_ns: int) -> None:
        """A sentence of this burst, first byte at `at`, says another time of day than the one before it: is it a burst of its own?

        Where bursts fill the second there is no silence: then the change of the time begins one. A receiver that merely puts two
        times into one burst is told from that by the raw clock, which has not moved along.
        """
        before, self.time_ns = self.time_ns, time_ns
        if before is not None:
            apart = abs(time_ns - before)
            if 2 * (at - self.at) >= min(apart, _DAY_NS - apart):
                self.at = at  # the same object: sentences already begun belong to the new burst too


class Pace:
    """Follows the portions of one port."""

    def __init__(self) -> None:
        self._burst: Burst | None = None
        self._last_at = RawNs(0)
        self._last_len = 0
        self._byte_ns = SLOWEST_BYTE_NS
        self._scale_ns = 0
        """The longest silence of late; forgotten within seconds. What is a third of it is a silence too, shorter pauses are not."""

    def on_bytes(self, at: RawNs, length: int) -> Burst:
        """The burst to which a sentence belongs that starts in this portion."""
        burst = self._burst
        if burst is None or at < self._last_at:  # the first, or the raw clock began anew
            burst = self._burst = Burst(at)
            self._scale_ns = 0
        else:
            apart = at - self._last_at
            # Creeping up: a reader that was late once finds the next bytes waiting, and would believe in a fast port for ever.
            self._byte_ns = min(self._byte_ns + self._byte_ns // 8, SLOWEST_BYTE_NS)
            if 0 < apart < self._byte_ns * self._last_len:
                self._byte_ns = max(apart // self._last_len, FASTEST_BYTE_NS)
            silence = apart - self._byte_ns * self._last_len
            self._scale_ns -= min(apart // 4, self._scale_ns)
            if silence > SHORTEST_SILENCE_NS and 3 * silence > self._scale_ns:
                burst = self._burst = Burst(at)
                self._scale_ns = max(self._scale_ns, min(silence, LONGEST_SCALE_NS))
        self._last_at, self._last_len = at, length
        return burst
