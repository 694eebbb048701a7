"""What naming a second costs in steady state: us per edge in the train, per pulse and per epoch in the pairing.

What is bounded is how many times a fixed piece of Python each costs, measured in turns with it: a busy machine slows both.

A Pi Zero is some twenty times slower than a desktop: 17 us a second here are a third of a per mille of its time.
"""

from __future__ import annotations

import random
import sys
import time

from gpstime.core.leap import BUILT_IN
from gpstime.core.pairing import Pairing
from gpstime.core.train import Pulse, Train
from gpstime.model import Epoch, Label, PpsEdge
from gpstime.times import NS, RawNs, UnixNs, UtcTime

COUNT = 20_000
ROUNDS = 3
BOUNDS = {"edge": 4.0, "pulse": 5.0, "epoch": 8.0}
"""Times the yardstick, which takes about a microsecond on a desktop."""


def yardstick(table: dict[int, int]) -> int:
    """The fixed piece: ten calls, look-ups and sums."""
    total = 0
    for n in range(10):
        total += table[n] * 3 + len(table)
    return total


def once() -> dict[str, float]:
    """us each, over COUNT seconds; the label must stand at the end."""
    rng, start = random.Random(1), UtcTime.civil(2025, 11, 24)
    edges = [PpsEdge(RawNs(s * NS + round(rng.gauss(0, 2000))), UnixNs(start.unix + s * NS)) for s in range(COUNT)]
    bursts = [RawNs(s * NS + round(rng.gauss(300e6, 20e6))) for s in range(COUNT)]
    epochs = [Epoch(at, at, UtcTime(start.day, s * NS), True, "GNRMC", True, True) for s, at in enumerate(bursts)]
    train, pairing, now = Train(), Pairing(BUILT_IN.table), time.perf_counter
    spent = dict.fromkeys([*BOUNDS, "yardstick"], 0.0)
    table = {n: n for n in range(10)}
    for edge, epoch in zip(edges, epochs, strict=True):
        t0 = now()
        found = train.on_edge(edge)
        t1 = now()
        for pulse in found:
            if isinstance(pulse, Pulse):
                pairing.on_pulse(pulse)
        t2 = now()
        pairing.on_epoch(epoch)
        t3 = now()
        yardstick(table)
        t4 = now()
        spent["yardstick"] += t4 - t3
        spent["edge"] += t1 - t0
        spent["pulse"] += t2 - t1
        spent["epoch"] += t3 - t2
    assert pairing.label is Label.OK
    return {name: s / COUNT * 1e6 for name, s in spent.items()}


def main() -> int:
    rounds = [once() for _ in range(ROUNDS)]
    best = {name: min(r[name] / r["yardstick"] for r in rounds) for name in BOUNDS}
    for name, bound in BOUNDS.items():
        us = min(r[name] for r in rounds)
        said = "" if best[name] <= bound else "  TOO SLOW"
        print(f"{name:6} {us:5.2f} us, {best[name]:.2f} times the yardstick (bound {bound:g}){said}")
    return int(any(best[name] > bound for name, bound in BOUNDS.items()))


if __name__ == "__main__":
    sys.exit(main())
