"""A roof for the tests of train and pairing: true seconds, pulses and bursts made directly, no bytes and no simulated board.

An edge carries its true second in `seq` (-1: it is no second), so every label that comes out can be held against the truth.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gpstime.core.leap import newest
from gpstime.core.pairing import Pairing
from gpstime.core.train import Pulse, Train
from gpstime.model import ClockStep, DeviceLost, Epoch, Label, LabelChange, PpsEdge, Rejected, RtcReading
from gpstime.times import NS, LeapTable, RawNs, TaiNs, UnixNs, UtcTime

LEAP: LeapTable = newest([])
START = UtcTime.civil(2025, 11, 24, 8, 0, 0)
RATE = 1 + 23e-6
"""The raw clock gains 23 ppm."""


def raw(true_s: float, rate: float = RATE) -> RawNs:
    """The raw clock `true_s` seconds after the start."""
    return RawNs(7_000 * NS + round(true_s * NS * rate))


def edge(second: int, late_s: float = 0.0, *, seq: int | None = None, polarity: str = "assert", rate: float = RATE) -> PpsEdge:
    """The edge of true second `second`, `late_s` after it; a system clock that is 3.4 s off."""
    at = raw(second + late_s, rate)
    shown = UnixNs(START.unix + round((second + late_s + 3.4) * NS))
    return PpsEdge(at, shown, "assert" if polarity == "assert" else "clear", second if seq is None else seq)


def second_named(index: int, start: UtcTime = START) -> UtcTime:
    """The UTC name of the true second `index`."""
    return LEAP.utc(TaiNs(LEAP.tai(start) + index * NS))


def epoch(
    index: int,
    delay_s: float,
    *,
    valid: bool = True,
    second: UtcTime | None = None,
    sentence: str = "GPRMC",
    fix: bool | None = None,
) -> Epoch:
    """The burst of true second `index`, beginning `delay_s` after its pulse."""
    at = raw(index + delay_s)
    if fix is None and sentence.endswith("RMC"):
        fix = valid
    return Epoch(at, at, second_named(index) if second is None else second, valid, sentence, sentence[-3:] in ("RMC", "ZDA"), fix)


def rtc(index: int, off_s: float = 0.0, *, rollover: bool = True, trusted: bool = True, at_s: float = 0.0) -> RtcReading:
    """An RTC that is `off_s` ahead, read `at_s` into the true second `index`, or at the rollover next to it."""
    shown_ns = LEAP.tai(START) + round((index + at_s + off_s) * NS)
    whole = shown_ns // NS * NS
    at = raw(index + at_s - (shown_ns - whole) / NS) if rollover else raw(index + at_s)
    return RtcReading(at, LEAP.utc(TaiNs(whole)), edge=rollover, err_ns=200_000, trusted=trusted, chip="ds3231")


@dataclass
class Outcome:
    """What became of a run: `named` pulses with a label, `wrong` those with a wrong one, each as the label stood at the pulse."""

    train: Train
    pairing: Pairing
    named: int = 0
    wrong: list[tuple[int, UtcTime]] = field(default_factory=list)
    first: int | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    changes: list[LabelChange] = field(default_factory=list)
    last: Pulse | None = None

    @property
    def label(self) -> Label:
        return self.pairing.label

    def last_is_right(self) -> bool:
        """The last pulse has its true second."""
        assert self.last is not None
        return self.pairing.second_of(self.last.n) == second_named(self.last.edge.seq)


def run(events: Iterable[object], pairing: Pairing | None = None) -> Outcome:
    """Everything through train and pairing, as an engine does it."""
    out = Outcome(Train(), pairing or Pairing(LEAP))
    for event in events:
        results: list[object] = []
        if isinstance(event, PpsEdge):
            for result in out.train.on_edge(event):
                if not isinstance(result, Pulse):
                    results.append(result)
                    continue
                results += out.pairing.on_pulse(result)
                out.last = result
                second = out.pairing.second_of(result.n)
                if second is not None:
                    out.named += 1
                    out.first = result.edge.seq if out.first is None else out.first
                    if second != second_named(result.edge.seq):
                        out.wrong.append((result.edge.seq, second))
        elif isinstance(event, Epoch):
            results += out.pairing.on_epoch(event)
        elif isinstance(event, RtcReading):
            results += out.pairing.on_rtc(event)
        elif isinstance(event, Rejected):
            out.pairing.on_rejected(event)
        elif isinstance(event, DeviceLost):
            results += out.pairing.on_device_lost(event)
        elif isinstance(event, ClockStep):
            results += out.pairing.on_step(event)
        for result in results:
            if isinstance(result, Rejected):
                out.reasons[result.reason] += 1
            elif isinstance(result, LabelChange):
                out.changes.append(result)
    return out


def merged(*streams: Iterable[object]) -> Iterator[object]:
    """Streams of things with `at`, in order of it."""
    keyed = (((event.at, i, k), event) for i, stream in enumerate(streams) for k, event in enumerate(stream))  # type: ignore[attr-defined]
    return (event for _, event in sorted(keyed, key=lambda pair: pair[0]))


def pulses(
    count: int, rng: random.Random, *, noise_s: float = 2e-6, missing: float = 0.0, doubled: float = 0.0, rogue: float = 0.0
) -> list[PpsEdge]:
    """`count` seconds of pulses with faults, each a probability per second."""
    edges: list[PpsEdge] = []
    for s in range(count):
        if rng.random() < rogue:
            edges.append(edge(s, rng.uniform(-0.9, -0.1), seq=-1))
        if rng.random() < missing:
            continue
        late = rng.gauss(0, noise_s)
        edges.append(edge(s, late))
        if rng.random() < doubled:
            edges.append(edge(s, late + rng.uniform(2e-6, 10e-6), seq=-1))
    return edges


def bursts(
    count: int, rng: random.Random, delay_s: float, *, jitter_s: float = 0.02, missing: float = 0.0, first: int = 0
) -> list[Epoch]:
    """A burst for each of `count` seconds, never before its pulse."""
    return [epoch(s, max(1e-4, rng.gauss(delay_s, jitter_s))) for s in range(first, first + count) if rng.random() >= missing]
