"""Why no pulse comes: the decision tree (P10). What is wrong with those that come is in `pulse_shape`.

Pure: facts in, advice out, the most likely cause first. Wiring is named only when the receiver has a fix: without one most
receivers give no pulse at all, and people have soldered for a missing antenna.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from gpstime.model import DeviceLost, Epoch, Event, Finding, PpsEdge, Rejected, SerialBytes
from gpstime.times import NS, RawNs

FEW = 4
"""Satellites that a first fix of time and place needs."""
PORTIONS = 12
"""Of the receiver's bytes that are kept: a few seconds, in which each sentence comes."""
_IN_VIEW = re.compile(rb"\$([A-Z]{2})GSV,\d,\d{1,2},(\d{1,3})[,*]")
_USED = re.compile(rb"\$[A-Z]{2}GGA,(?:[^,$]*,){6}(\d{1,2}),")
_READABLE = ("no-time", "no-date")
"""Sentences that were read and had nothing to say yet."""
BURSTS, KEPT = 16, 64
"""Bursts before their delay is told, and bursts remembered."""


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


def satellites(said: bytes) -> int | None:
    """How many satellites a receiver has in view by its own word (GSV, of all systems), else uses (GGA); None without either."""
    in_view = {found[1]: int(found[2]) for found in _IN_VIEW.finditer(said)}
    if in_view:
        return sum(in_view.values())
    used = _USED.findall(said)
    return int(used[-1]) if used else None


class ReceiverListener:
    """A sink that knows what the receiver said since the last pulse, and how long after an assert edge its bursts begin.

    `seen` and `after_assert` may be asked from another thread.
    """

    def __init__(self) -> None:
        self._bytes = self._sentences = 0
        self._fix: bool | None = None
        self._last: deque[bytes] = deque(maxlen=PORTIONS)
        self._assert_at: RawNs | None = None
        self._burst_at = RawNs(0)
        self._after: deque[int] = deque(maxlen=KEPT)

    def __call__(self, value: Event | Finding) -> None:
        if isinstance(value, SerialBytes):
            self._bytes += len(value.data)
            self._last.append(value.data)
        elif isinstance(value, Epoch):
            self._sentences += 1
            self._fix = self._fix if value.fix is None else value.fix
            if value.burst_at != self._burst_at:
                self._burst_at = value.burst_at
                if self._assert_at is not None and 0 <= value.burst_at - self._assert_at < 2 * NS:
                    self._after.append((value.burst_at - self._assert_at) % NS)
        elif isinstance(value, Rejected) and value.reason in _READABLE:
            self._sentences += 1
        elif isinstance(value, PpsEdge):
            self._bytes = self._sentences = 0
            if value.edge == "assert":
                self._assert_at = value.at
        elif isinstance(value, DeviceLost):
            self._assert_at = None
            self._after.clear()

    def seen(self) -> ReceiverSeen:
        return ReceiverSeen(self._bytes, self._sentences, self._fix, satellites(b"".join(self._last.copy())))

    def after_assert(self) -> tuple[float, float] | None:
        """(median, spread) in ms, modulo a second, of the last bursts' beginning after an assert edge; None while there are few."""
        after = list(self._after.copy())
        if len(after) < BURSTS:
            return None
        # around the first: a delay near a whole second must not be torn apart
        turned = sorted((ns - after[0] + NS // 2) % NS for ns in after)
        middle = turned[len(turned) // 2]
        spread = 1.4826 * sorted(abs(t - middle) for t in turned)[len(turned) // 2]
        return ((middle + after[0] - NS // 2) % NS) / 1e6, spread / 1e6


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
    if facts.held_by and chosen is not None:
        yield Advice("pin held", f"{here}; GPIO{facts.pin} is held by {facts.held_by}, so nothing else hears it: free it.")
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
