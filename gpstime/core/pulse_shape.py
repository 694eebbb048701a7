"""What is wrong with the pulses that come: rate, width, polarity; and which edge of an even pulse marks the second (P22).

Pure: edges in, advice out, each thing once. A pulse begins with the edge that begins its shorter part. Where both parts are alike
only the sentences can tell: they come after the second that they name, within bounds that hold for every receiver known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal

from gpstime.core.pulse_doctor import Advice
from gpstime.times import NS

EVEN = (0.4, 0.6)
"""Shares of the period between which the longer part can't be told for sure from the shorter."""
ENOUGH, KEPT = 8, 32
"""Edges before a rate or a width is judged, and edges remembered."""
PATIENT = 128
"""Edges (a minute of both) until it is said that an even pulse's edge can't be told."""
SOONEST_MS, LATEST_MS = 30, 700
"""Sentences begin this long after the second they name, over all receivers known."""

Edge = Literal["assert", "clear"]
_SIDE = {"assert": "rising", "clear": "falling"}


def edge_by_delay(after_assert_ms: float, spread_ms: float = 0.0) -> Edge | None:
    """Which edge of an even pulse marks the second, by how long after the assert edge sentences begin; None: both could.

    `spread_ms`: one standard deviation; two of them to either side must say the same.
    """
    told = {_edge_at(after_assert_ms + side * 2 * spread_ms) for side in (-1, 0, 1)}
    return told.pop() if len(told) == 1 else None


def _edge_at(after_assert_ms: float) -> Edge | None:
    fits = [SOONEST_MS <= after % 1000 <= LATEST_MS for after in (after_assert_ms, after_assert_ms - 500)]
    if fits == [True, False]:
        return "assert"
    return "clear" if fits == [False, True] else None


class PulseShape:
    """Rate, width and polarity of a pulse from its edges (kind, ns on any steady clock).

    `given`: the edge that the user says marks the second, None to find it. `after_assert`: median and spread in ms of the time from
    an assert edge to the sentences, None while it is not known. `marks`: the edge that was found to mark the second where the
    shape alone does not tell; None where it does.
    """

    def __init__(self, name: str, given: Edge | None = None) -> None:
        self._name, self._given = name, given
        self.after_assert: Callable[[], tuple[float, float] | None] = lambda: None
        self.marks: Edge | None = None
        self._at: dict[str, deque[int]] = {"assert": deque(maxlen=KEPT), "clear": deque(maxlen=KEPT)}
        self._high: deque[int] = deque(maxlen=KEPT)
        self._edges = 0
        self._told: set[str] = set()

    def on(self, edge: Edge, at_ns: int) -> list[Advice]:
        """What there is to say after this edge that was not said before."""
        if edge == "clear" and self._at["assert"] and 0 < at_ns - self._at["assert"][-1] < 3 * NS:
            self._high.append(at_ns - self._at["assert"][-1])
        self._at[edge].append(at_ns)
        self._edges += 1
        if self._edges % ENOUGH:
            return []
        new = [advice for advice in self._judge() if advice.cause not in self._told]
        self._told |= {advice.cause for advice in new}
        return new

    @property
    def period_ns(self) -> int | None:
        """Between two edges of one kind, the median; None until there are enough."""
        times = max(self._at.values(), key=len)
        steps = sorted(b - a for a, b in zip(times, list(times)[1:], strict=False))
        return steps[len(steps) // 2] if len(steps) >= ENOUGH // 2 - 1 else None

    @property
    def width_ns(self) -> int | None:
        """From assert to clear, the median; None where both edges are not seen."""
        return sorted(self._high)[len(self._high) // 2] if len(self._high) >= 3 else None

    def _judge(self) -> Iterator[Advice]:
        period, width = self.period_ns, self.width_ns
        if period is None:
            return
        if not 0.9 * NS < period < 1.1 * NS:
            rate = f"{NS / period:.3g} pulses a second" if period > 0 else "edges at one instant"
            yield Advice("wrong rate", f"{self._name} gives {rate}: set the receiver's time pulse to one a second.")
            return
        if width is None:
            return
        share, ms = width / period, width / 1_000_000
        if EVEN[0] <= share <= EVEN[1]:
            yield from self._even(ms)
        elif share > EVEN[1]:
            own = (
                f' But pulse.edge = "assert" says otherwise: the {_SIDE["assert"]} one is used.' if self._given == "assert" else ""
            )
            yield Advice(
                "inverted",
                f"{self._name} is low for {(period - width) / 1_000_000:.3g} ms and high in between: an inverted pulse, whose "
                f"second is marked by the clear edge (assert_falling_edge=on in the overlay rights it for others too).{own}",
            )

    def _even(self, ms: float) -> Iterator[Advice]:
        """As long high as low: the sentences' delay decides, or nobody does."""
        even = f"{self._name} is as long high ({ms:.0f} ms) as low, so its width does not tell which edge marks the second"
        delay = self.after_assert()
        found = None if delay is None else edge_by_delay(*delay)
        if delay is None or found is None:
            if self._given is None and self._edges >= PATIENT:
                yield Advice(
                    "even pulse",
                    f"{even}, nor does the delay of the sentences: the rising one is taken, and time may be half a second off. If "
                    'its maker says the falling one, set pulse.edge = "clear"; a shorter pulse would settle it.',
                )
            return
        began = f"{even}; sentences begin {delay[0]:.0f} ms after its rising edge, which fits the {_SIDE[found]} one alone"
        if self._given is None:
            self.marks = found
            yield Advice(f"even pulse, {found}", f"{began}: that one is used.")
        elif found != self._given:
            yield Advice("even pulse, contrary", f'{began}; but pulse.edge = "{self._given}" says otherwise: look into its manual.')
