"""Captures for tests of the commands: simulated boards and hand-made trains, as bytes."""

from __future__ import annotations

import io
import random

from gpstime.app.sim import write_capture
from gpstime.model import Applied, PpsEdge
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.capture import encode, encode_head
from gpstime.times import NS, RawNs, UnixNs

START_S = 1_763_923_200


def simulated(**scenario) -> tuple[bytes, SimWorld]:
    """The capture of a simulated board and the world that knows the truth about it."""
    ppm = scenario.pop("ppm", 2.314)
    spec = scenario.pop("oscillator", Oscillator(ppm=ppm))
    world = SimWorld(Scenario(oscillator=spec, **scenario))
    out = io.StringIO()
    write_capture(world, out)
    return out.getvalue().encode(), world


def train(
    seconds: int,
    ppb: float,
    *,
    board: str | None = None,
    jitter_ns: float = 300.0,
    set_ppb: list[tuple[int, float]] | None = None,
    raw_follows: bool = False,
    skip: frozenset[int] = frozenset(),
) -> bytes:
    """Pulses alone, no sentence: a raw clock that is `ppb` off, and a system clock that `set` lines (second, correction) steer.

    `raw_follows`: `t` is not the raw clock but the steered one, as in a capture from a machine that has no other.
    """
    rng = random.Random(7)
    lines = [encode_head(**({} if board is None else {"board": board}))]
    raw, ahead, correction = 0.0, 0.0, 0.0
    changes = dict(set_ppb or [])
    for k in range(seconds):
        noise = rng.gauss(0, jitter_ns)
        t = 5 * NS + k * NS + round(raw + noise)
        shown = START_S * NS + k * NS + round(raw + ahead + noise)
        if raw_follows:
            t = 5 * NS + k * NS + round(raw + ahead + noise)
        if k in changes:
            correction = changes[k]
            lines.append(encode(Applied(RawNs(t), freq_ppb=correction, by="chrony")))
        if k not in skip:
            lines.append(encode(PpsEdge(RawNs(t), UnixNs(shown), seq=k)))
        raw += ppb
        ahead += correction
    return ("\n".join(lines) + "\n").encode()
