"""Crystals and pulses by the second, for `holdover_days.py`: its own kinds, and those of ../shared/bench if at hand.

All in ns and ppb; an array of pulses has the noise of each stamp (nan: there was no pulse).
"""

from __future__ import annotations

import importlib
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from gpstime.times import DAY_S

Floats = NDArray[np.float64]
BENCH = Path(__file__).resolve().parents[3] / "shared" / "bench"
LOAD_PPB, SWING_PPB = 300.0, 450.0
ON_S, OFF_S = 1_800.0, 3_600.0
PULSE_NS = 1_000.0


@dataclass(frozen=True, slots=True)
class Kind:
    """`days` of pulses before the outage, up to `more` of them drawn; `judged`: what the bound promises is promised here."""

    days: float
    more: float = 0.0
    judged: bool = True


KINDS = {
    "walk": Kind(0.25),
    "drawn": Kind(0.25),
    "loads": Kind(2.0, judged=False),
    "day": Kind(5.0, 1.0, judged=False),
}
OF_THE_BENCH = {
    "bench a": Kind(0.25),
    "bench a2": Kind(0.25),
    "bench b": Kind(0.25),
    "bench b2": Kind(0.25, judged=False),  # in one of eight a late tail passes for a jump: held, and wide
    "bench c": Kind(1.5, 1.0, judged=False),
    "bench d": Kind(0.25),
}
"""Its random numbers begin at the seed SEEDS, far from those that its table is made of."""
SEEDS = 60_000


def bench() -> ModuleType | None:
    """The benchmark's own generator."""
    if not (BENCH / "scenarios.py").is_file():
        return None
    if str(BENCH) not in sys.path:
        sys.path.insert(0, str(BENCH))
    return importlib.import_module("scenarios")


def levels_of(kind: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """White FM, walk (per root second) and the pulse's noise."""
    if kind != "drawn":
        return 10.0, 1.0, PULSE_NS
    scale = rng.uniform(-1.0, 1.0, 2) * math.log(5.0)
    return 10.0 * math.exp(scale[0]), math.exp(scale[1]), 200.0 * math.exp(rng.uniform(0.0, math.log(40.0)))


def more(kind: str, rng: np.random.Generator, steps: int, step_s: int) -> tuple[Floats, float]:
    """What moves the frequency beside its walk (ppb, at each step and the end), and that as a walk's square, where it jumps."""
    extra = np.zeros(steps + 1)
    if kind == "loads":
        at, on = 0.0, False
        while at < steps:
            on = not on
            at += max(1.0, rng.exponential(OFF_S if on else ON_S) / step_s)
            extra[math.ceil(at) :] = LOAD_PPB if on else 0.0
        return extra, LOAD_PPB**2 * 2.0 / (ON_S + OFF_S)
    if kind == "day":
        t = np.arange(steps + 1) * step_s / DAY_S
        days = np.arange(math.floor(t[-1]) + 3)
        swing = np.interp(t, days - 0.5, SWING_PPB * rng.uniform(0.5, 1.5, len(days)))
        return swing * np.sin(2.0 * np.pi * t + rng.uniform(0.0, 2.0 * np.pi)), 0.0
    return extra, 0.0


def crystal(kind: str, rng: np.random.Generator, steps: int, step_s: int) -> tuple[Floats, Floats, Floats, float]:
    """Phase (ns), frequency (ppb) every `step_s`; levels (white FM squared, walk squared, jumps as a walk squared); pulse noise."""
    white, walk, pulse = levels_of(kind, rng)
    a, b = rng.normal(0.0, 1.0, (2, steps))
    a *= walk * math.sqrt(step_s)
    y = rng.normal(0.0, 5_000.0) + np.concatenate([[0.0], np.cumsum(a)])
    extra, jumps2 = more(kind, rng, steps, step_s)
    held = 0.5 * (extra[1:] + extra[:-1]) if kind == "day" else extra[:-1]
    inside = 0.5 * step_s * a if step_s > 1 else 0.0  # in the simulation by seconds the frequency steps between them
    spread = math.sqrt(white**2 * step_s + (walk**2 * step_s**3 / 12.0 if step_s > 1 else 0.0))
    x = np.concatenate([[0.0], np.cumsum(step_s * (y[:-1] + held) + inside + b * spread)])
    return x, y + extra, np.array([white**2, walk**2, jumps2]), pulse


def traces(kind: str, seed: int, rng: np.random.Generator, count: int, total: int) -> tuple[Floats, Floats, Floats]:
    """By the second: phase (total + 1), the noise of `count` pulses, levels."""
    if not kind.startswith("bench "):
        x, _, levels, pulse = crystal(kind, rng, total, 1)
        return x, rng.normal(0.0, pulse, count), levels
    made = bench()
    assert made is not None
    name = kind.removeprefix("bench ")
    freq, pps = made.generate(name, SEEDS + seed, total)
    told = made.SCENARIOS[name]
    x = np.concatenate([[0.0], np.cumsum(freq * 1e9)])
    return x, pps[:count] * 1e9, np.array([(told["wfm"] * 1e9) ** 2, (told["rw"] * 1e9) ** 2, 0.0])
