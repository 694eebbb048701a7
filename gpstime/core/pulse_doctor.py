"""What is wrong with a pulse: the decision tree when none comes (P10); width, polarity and rate of those that come (P22).

Pure: facts in, advice out, the most likely cause first. Wiring is named only when the receiver has a fix: without one most
receivers give no pulse at all, and people have soldered for a missing antenna.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gpstime.model import Epoch, Event, Finding, PpsEdge, SerialBytes
from gpstime.times import NS

FEW = 4
"""Satellites that a first fix of time and place needs."""
EVEN = (0.4, 0.6)
"""Shares of the period between which the longer part can't be told for sure from the shorter."""
ENOUGH, KEPT = 8, 32
"""Edges before a rate or a width is judged, and edges remembered."""
SOONEST_MS, LATEST_MS = 30, 700
"""Sentences begin this long after the second they name, over all receivers known."""


@dataclass(frozen=True, slots=True)
class PulseSeen:
    """A pulse device as it was watched. `what` is for people; `receiver` is False for a network clock or a test timer."""

    what: str
    edges: int
    receiver: bool = True
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class ReceiverSeen:
    """What the receiver said meanwhile; None where nobody knows."""

    bytes: int | None = None
    sentences: int | None = None
    fix: bool | None = None
    satellites: int | None = None


class ReceiverListener:
    """A sink that knows what the receiver said since the last pulse. `seen` may be asked from another thread."""

    def __init__(self) -> None:
        self._bytes = self._sentences = 0
        self._fix: bool | None = None

    def __call__(self, value: Event | Finding) -> None:
        if isinstance(value, SerialBytes):
            self._bytes += len(value.data)
        elif isinstance(value, Epoch):
            self._sentences += 1
            self._fix = self._fix if value.fix is None else value.fix
        elif isinstance(value, PpsEdge):
            self._bytes = self._sentences = 0

    def seen(self) -> ReceiverSeen:
        return ReceiverSeen(self._bytes, self._sentences, self._fix)


@dataclass(frozen=True, slots=True)
class PulseFacts:
    """`held_by`: who holds the pin; `overlay`: config.txt asks for the kernel's pulse (None: not known); `old_option`: a stale
    bcm2708.pps_gpio_pin of cmdline.txt, as it stands there; `had_pulses`: they came before, and stopped."""

    watched_s: float
    pin: int = 18
    pulses: tuple[PulseSeen, ...] = ()
    receiver: ReceiverSeen = ReceiverSeen()
    held_by: str = ""
    overlay: bool | None = None
    old_option: str = ""
    had_pulses: bool = False


@dataclass(frozen=True, slots=True)
class Advice:
    """`cause` is a few stable words; `text` a sentence with its remedy."""

    cause: str
    text: str


def silent(facts: PulseFacts) -> list[Advice]:
    """Why no pulse comes, the most likely cause first; empty where the chosen pulse ticks."""
    if any(p.chosen and p.edges for p in facts.pulses):
        return []
    return list(_causes(facts))


def _causes(facts: PulseFacts) -> Iterator[Advice]:
    chosen = next((p for p in facts.pulses if p.chosen), None)
    ticking = [p for p in facts.pulses if p.receiver and p.edges and not p.chosen]
    here = "no pulse" if chosen is None else f"{chosen.what}: no pulse in {facts.watched_s:g} s"
    for other in (p for p in facts.pulses if not p.receiver and p.chosen):
        yield Advice("no receivers pulse", f"{other.what} is not a receiver's pulse: name another (pulse.device).")
    if ticking:
        yield Advice("wrong device", f"{here}, but {ticking[0].what} ticks: name that one (pulse.device).")
        return
    if facts.old_option:
        yield Advice(
            "old option",
            f"{here}; cmdline.txt still has {facts.old_option}, which takes the pulse away: remove it and start again.",
        )
    if chosen is None:
        yield from _no_device(facts)
        return
    yield from _receivers_part(facts, here)


def _no_device(facts: PulseFacts) -> Iterator[Advice]:
    line = f"dtoverlay=pps-gpio,gpiopin={facts.pin}"
    if facts.held_by:
        yield Advice("pin held", f"GPIO{facts.pin} is held by {facts.held_by}: free it, or wire the pulse to another pin.")
    elif facts.overlay:
        yield Advice("overlay not loaded", f"{line} is in config.txt and no pulse device came of it: start again, then see dmesg.")
    else:
        yield Advice("no overlay", f"there is no receiver's pulse device: put {line} into config.txt and start again.")


def _receivers_part(facts: PulseFacts, here: str) -> Iterator[Advice]:
    r = facts.receiver
    if r.bytes == 0:
        yield Advice("receiver silent", f"{here}, and the receiver says nothing at all: look at its power and at the serial wires.")
        return
    if r.bytes and r.sentences == 0 and r.fix is None:
        yield Advice("receiver unreadable", f"{here}, and what the receiver says can't be read: set the right baud rate first.")
        return
    if r.fix or (r.fix is None and r.satellites is not None and r.satellites >= FEW):
        seen = "" if r.satellites is None else f" ({r.satellites} satellites)"
        if facts.had_pulses:
            yield Advice("pulse stopped", f"{here}, though pulses came before and the receiver has a fix{seen}: look at the wire.")
            return
        yield Advice(
            "wiring",
            f"{here}, and the receiver has a fix{seen}: the pulse is made and does not arrive. Look at the wire from its "
            f"PPS pin, at the pin's number (GPIO{facts.pin} counts as the chip does, not as the header), and whether this "
            "receiver's pulse is switched on.",
        )
        return
    if r.satellites == 0:
        yield Advice("no satellites", f"{here}, receiver has 0 satellites: move the antenna to where it sees the sky.")
        return
    if r.fix is False:
        again = " The pulse comes back with the fix." if facts.had_pulses else ""
        few = "" if r.satellites is None else f" ({r.satellites} satellites)"
        yield Advice(
            "no fix",
            f"{here}, receiver has no fix yet{few}: give it minutes under open sky; most give no pulse without one.{again}",
        )
        return
    yield Advice("fix unknown", f"{here}. First see whether the receiver has a fix (gpstime nmea): without one most give no pulse.")


def edge_by_delay(after_assert_ms: float) -> Literal["assert", "clear"] | None:
    """Which edge of an even pulse marks the second, by how long after the assert edge sentences begin; None: both could."""
    after_assert = after_assert_ms % 1000
    fits = [SOONEST_MS <= ms <= LATEST_MS for ms in (after_assert, (after_assert - 500) % 1000)]
    if fits == [True, False]:
        return "assert"
    return "clear" if fits == [False, True] else None


class PulseShape:
    """Rate, width and polarity of a pulse from its edges (kind, ns on any steady clock)."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._at: dict[str, deque[int]] = {"assert": deque(maxlen=KEPT), "clear": deque(maxlen=KEPT)}
        self._high: deque[int] = deque(maxlen=KEPT)
        self._edges = 0
        self._told: set[str] = set()

    def on(self, edge: Literal["assert", "clear"], at_ns: int) -> list[Advice]:
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
            yield Advice(
                "even pulse",
                f"{self._name} is as long high ({ms:.0f} ms) as low, so its width does not tell which edge marks the second: "
                'if its maker says the falling one, set pulse.edge = "clear".',
            )
        elif share > EVEN[1]:
            yield Advice(
                "inverted",
                f"{self._name} is low for {(period - width) / 1_000_000:.3g} ms and high in between: an inverted pulse, "
                "whose second is marked by the clear edge (assert_falling_edge=on in the overlay rights it for others too).",
            )
