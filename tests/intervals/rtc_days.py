"""How often does the interval of an RTC's daily mean hold? Simulated days with one edge a minute: `make days`.

    python tests/intervals/rtc_days.py [--runs 2000] [--jobs 2] [--only TEXT]

Each day goes edge by edge through `core.rtc_chain`, so that a stretch broken by mistake shows too. Three kinds of edges: Gaussian
of 0.3 ms (one sigma), uniform of the same sigma, and brackets as `core.rtc_edge` finds them by polling at 100 kHz. Two crystals: a
TCXO as in the DS3231, and a bare tuning fork 8 C above its turnover, both with white and random-walk frequency noise and a day's
temperature (+-2 C).

Exit code 1 if an interval holds in fewer than 93 % of the days, or if in more than one day in a hundred that of the TCXO is wider
than +-0.002 ppm, or the day was broken without cause.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpstime.core.rtc_chain import Chain
from gpstime.core.rtc_edge import EdgeSearch
from gpstime.core.rtc_stretch import Point
from gpstime.times import DAY_S, NS, RawNs

LEAST_COVERAGE = 0.93
MOST_HALF_PPB, MOST_WIDE = 2.0, 0.01
"""The interval is as narrow as this in all but one day in a hundred (the largest of 2000 was +-2.20)."""
MOST_BROKEN = 0.01
EVERY_S = 60
SIGMA_NS = 300_000.0
POLL_NS = 390_000
KINDS = ("gauss", "uniform", "brackets")
CRYSTALS = ("tcxo", "fork")


@dataclass(frozen=True, slots=True)
class Day:
    """What came of one: the interval of the mean (ppb), the truth, and how many stretches it fell into."""

    lo: float
    hi: float
    truth: float
    stretches: int

    @property
    def holds(self) -> bool:
        return self.lo <= self.truth <= self.hi


def phase(crystal: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """x (ns) at each second of a day, and one more; y = dx per true second."""
    n = DAY_S
    t = np.arange(n)
    warmth = 2.0 * np.sin(2 * np.pi * t / DAY_S + rng.uniform(0, 2 * np.pi))
    if crystal == "tcxo":
        white_ns, walk_ppb = 3.0, 0.01
        # compensated once every 64 s, from a thermometer that counts quarters of a degree
        compensated = np.repeat(rng.uniform(-10.0, 10.0, n // 64 + 1), 64)[:n]
        y = rng.normal(0.0, 700.0) + 10.0 * warmth + compensated
    else:
        white_ns, walk_ppb = 3.0, 0.1
        y = rng.normal(0.0, 10_000.0) - 34.0 * (8.0 + warmth) ** 2
    y = y + np.cumsum(rng.normal(0.0, walk_ppb, n)) + rng.normal(0.0, white_ns, n)
    return np.concatenate([[0.0], np.cumsum(y)])


def edges(kind: str, x: NDArray[np.float64], rng: np.random.Generator) -> list[tuple[int, int, int, float]]:
    """(true ns as seen, phase as seen, certain half-width, true phase) of each edge of the day."""
    ahead = float(rng.uniform(0.0, NS))
    out = []
    if kind == "brackets":
        search, t = EdgeSearch(float(EVERY_S)), NS
        while t < (DAY_S - 2) * NS:
            before = max(t, search.due) + round(abs(rng.normal(0.0, 60_000.0)))
            after = before + POLL_NS + round(abs(rng.normal(0.0, 10_000.0)))
            inside = before + 0.3 * (after - before)
            shown = inside + _at(x, inside) + ahead
            edge = search.on_poll(RawNs(before), RawNs(after), int(shown // NS) % 60)
            t = after + 20_000
            if edge is not None:
                count = round((edge.at + _at(x, edge.at) + ahead) / NS)
                out.append((edge.at, count * NS - edge.at, edge.half_ns, _at(x, edge.at) + ahead))
        return out
    half = round(SIGMA_NS if kind == "gauss" else SIGMA_NS * math.sqrt(3.0))
    for k in range(1, DAY_S - 1, EVERY_S):
        second = k + int(rng.integers(0, 3))
        count = round((second * NS + float(x[second]) + ahead) / NS)
        true = count * NS - float(x[second]) - ahead
        seen = true + (rng.normal(0.0, SIGMA_NS) if kind == "gauss" else rng.uniform(-half, half))
        out.append((round(seen), count * NS - round(seen), half, count * NS - true))
    return out


def _at(x: NDArray[np.float64], ns: float) -> float:
    k = min(int(ns // NS), len(x) - 2)
    return float(x[k] + (x[k + 1] - x[k]) * (ns / NS - k))


def run(kind: str, crystal: str, seed: int) -> Day:
    """Day number `seed`; the same seed gives the same bits."""
    rng = np.random.default_rng([20261124, seed, KINDS.index(kind), CRYSTALS.index(crystal)])
    chain = Chain()
    found = edges(kind, phase(crystal, rng), rng)
    for seen, x, half, _ in found:
        chain.add(Point(seen, x, half, RawNs(seen)))
    stretch = max(chain.stretches, key=lambda s: s.span_s)
    drift = stretch.drift()
    assert drift is not None
    assert stretch.first is not None
    assert stretch.last is not None
    truths = {seen: x for seen, _, _, x in found}
    first, last = stretch.first.true_ns, stretch.last.true_ns
    truth = (truths[last] - truths[first]) / (last - first) * 1e9
    return Day(drift.mean_lo_ppb, drift.mean_hi_ppb, truth, len(chain.stretches))


def days(kind: str, crystal: str, runs: int, first: int = 0) -> list[Day]:
    return [run(kind, crystal, seed) for seed in range(first, first + runs)]


def _job(task: tuple[str, str, int, int]) -> tuple[str, str, list[Day]]:
    kind, crystal, runs, first = task
    return kind, crystal, days(kind, crystal, runs, first)


def failures(kind: str, crystal: str, found: list[Day]) -> list[str]:
    """What does not hold, a line each."""
    out, n = [], len(found)
    if (held := sum(d.holds for d in found) / n) < LEAST_COVERAGE:
        out.append(f"{kind}, {crystal}: the mean is covered in {held:.1%} of {n} days")
    whole = [d for d in found if d.stretches == 1]
    wide = sum((d.hi - d.lo) / 2 > MOST_HALF_PPB for d in whole) / n
    if crystal == "tcxo" and wide > MOST_WIDE:
        out.append(f"{kind}, {crystal}: wider than +-{MOST_HALF_PPB:g} ppb in {wide:.1%} of the days")
    if (broken := 1 - len(whole) / n) > MOST_BROKEN:
        out.append(f"{kind}, {crystal}: {broken:.1%} of the days are broken without cause")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--only", default="", help="kinds and crystals with this in their name, such as brackets-tcxo")
    args = parser.parse_args()
    points = [(kind, crystal) for crystal in CRYSTALS for kind in KINDS if args.only in f"{kind}-{crystal}"]
    if not points:
        print(f"nothing has {args.only!r} in its name", file=sys.stderr)
        return 2
    part = 50
    tasks = [(k, c, min(part, args.runs - i), i) for k, c in points for i in range(0, args.runs, part)]
    found: dict[tuple[str, str], list[Day]] = {point: [] for point in points}
    begun = time.monotonic()
    with multiprocessing.Pool(args.jobs) as pool:
        for i, (kind, crystal, some) in enumerate(pool.imap(_job, tasks), 1):
            found[kind, crystal] += some
            left = (time.monotonic() - begun) / i * (len(tasks) - i)
            print(f"{i}/{len(tasks)}, about {left / 60:.0f} min left".ljust(40), file=sys.stderr, end="\r", flush=True)
    print("| edges | crystal | days | held | half ± ppb | largest | broken |\n|---|---|---|---|---|---|---|")
    bad: list[str] = []
    for (kind, crystal), some in found.items():
        halves = [(d.hi - d.lo) / 2 for d in some if d.stretches == 1]
        broken = sum(d.stretches > 1 for d in some)
        print(
            f"| {kind} | {crystal} | {len(some)} | {sum(d.holds for d in some) / len(some):.1%} "
            f"| {sum(halves) / len(halves):.2f} | {max(halves):.2f} | {broken} |"
        )
        bad += failures(kind, crystal, some)
    print("\n".join(bad) or "all hold")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
