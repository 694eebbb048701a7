"""How often do the intervals hold? The sweep over noise levels: `make coverage`.

    python tests/intervals/sweep.py [--runs 2000] [--jobs 2] [--keep DIR] [--only TEXT] [--write FILE.md]

Every point is run with `--runs` seeds; finished points are kept in DIR as JSON and not run again: a sweep may be interrupted.
Exit code 1 if a coverage is below 93 %, or if, where the walk is seen, ours is not sharp enough beside the filter that is told.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np
from clocks import Point, grid, make
from compiled import Compiled, agree
from peers import least_squares
from peers import told as plain_told

from gpstime.times import RawNs

told = numba.njit(plain_told)

LEAST_COVERAGE = 0.93
SEEN = 0.95
"""The walk is seen at a point if the report says so in this share of its runs."""
MOST_RMSE, MOST_WIDTH, LEAST_EFFICIENCY = 1.2, 1.5, 0.9


def measure(point: Point, runs: int) -> dict[str, Any]:
    """All figures of one point; frequencies and half-widths in ppb."""
    hits = dict.fromkeys(("now", "mean", "ls", "told"), 0)
    squares = dict.fromkeys(("now", "mean", "ls", "told"), 0.0)
    widths = dict.fromkeys(("now", "mean", "ls", "told"), 0.0)
    seen = 0
    for seed in range(runs):
        run = make(point, seed)
        ours = Compiled()
        ours.feed(run.z)
        d = ours.estimate(RawNs(0))
        assert d is not None
        seen += ours.noise_found().walk_seen
        slope, slope_sigma = least_squares(run.z)
        y, y_sigma = told(run.z, point.told_ns, point.white_ns, point.walk_ppb)
        for name, value, lo, hi, truth in (
            ("now", d.freq_ppb, d.freq_lo_ppb, d.freq_hi_ppb, run.current_ppb),
            ("mean", d.mean_ppb, d.mean_lo_ppb, d.mean_hi_ppb, run.mean_ppb),
            ("ls", slope, slope - 1.96 * slope_sigma, slope + 1.96 * slope_sigma, run.current_ppb),
            ("told", y, y - 1.96 * y_sigma, y + 1.96 * y_sigma, run.current_ppb),
        ):
            hits[name] += lo <= truth <= hi
            squares[name] += (value - truth) ** 2
            widths[name] += (hi - lo) / 2
    out: dict[str, Any] = {"runs": runs, "seen": seen / runs}
    for name in hits:
        out[f"{name}_coverage"] = hits[name] / runs
        out[f"{name}_rmse"] = math.sqrt(squares[name] / runs)
        out[f"{name}_half"] = widths[name] / runs
    return out


def efficiency(point: Point, runs: int) -> dict[str, Any]:
    """`--noise white` against the Cramer-Rao bound of the clean samples, and its coverage; least squares beside it."""
    bound = ours2 = ls2 = 0.0
    hits = 0
    for seed in range(runs):
        run = make(point, seed)
        ours = Compiled("white")
        ours.feed(run.z)
        d = ours.estimate(RawNs(0))
        assert d is not None
        t = np.nonzero(run.clean)[0].astype(float)
        t -= t.mean()
        bound += point.pulse_ns**2 / float(t @ t)
        ours2 += (d.freq_ppb - run.current_ppb) ** 2
        ls2 += (least_squares(run.z)[0] - run.current_ppb) ** 2
        hits += d.freq_lo_ppb <= run.current_ppb <= d.freq_hi_ppb
    return {"runs": runs, "efficiency": bound / ours2, "ls_efficiency": bound / ls2, "coverage": hits / runs}


def job(task: tuple[str, Point, int, str]) -> tuple[str, Point, dict[str, Any]]:
    what, point, runs, keep = task
    kept = Path(keep) / f"{what}-{point.key}-{runs}.json"
    if kept.exists():
        return what, point, json.loads(kept.read_text())
    found = measure(point, runs) if what == "sweep" else efficiency(point, runs)
    kept.write_text(json.dumps(found))
    return what, point, found


def tasks(runs: int, only: str, keep: str) -> list[tuple[str, Point, int, str]]:
    white = [Point(kind, 2000.0, 0.0, 0.0, 600) for kind in ("gauss", "outliers")]
    every = [("white", p, runs, keep) for p in white] + [("sweep", p, runs, keep) for p in grid()]
    return [t for t in every if only in f"{t[0]}-{t[1].key}"]


def failures(sweep: list[tuple[Point, dict[str, Any]]], white: list[tuple[Point, dict[str, Any]]]) -> list[str]:
    """What does not hold, a line each."""
    out = []
    for p, f in sweep:
        for name in ("now", "mean"):
            if f[f"{name}_coverage"] < LEAST_COVERAGE:
                out.append(f"{p.key}: {name} is covered in {f[f'{name}_coverage']:.1%} of {f['runs']} runs")
        if f["seen"] >= SEEN:
            if f["now_rmse"] > MOST_RMSE * f["told_rmse"]:
                out.append(f"{p.key}: rmse is {f['now_rmse'] / f['told_rmse']:.2f} times that of the told filter")
            if f["now_half"] > MOST_WIDTH * f["told_half"]:
                out.append(f"{p.key}: the interval is {f['now_half'] / f['told_half']:.2f} times as wide as the told filter's")
    for p, f in white:
        if f["efficiency"] < LEAST_EFFICIENCY:
            out.append(f"{p.key}: efficiency with the noise declared white is {f['efficiency']:.3f}")
    return out


def table(sweep: list[tuple[Point, dict[str, Any]]], white: list[tuple[Point, dict[str, Any]]]) -> str:
    """The Markdown that stands in the docs."""
    head = "pulse noise|n|white FM|walk|walk seen|now: held|half ±|mean: held|half ±|rmse / told|width / told|told: held"
    columns = [*head.split("|"), "least squares: held"]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for p, f in sweep:
        sharp = f"{f['now_rmse'] / f['told_rmse']:.2f} | {f['now_half'] / f['told_half']:.2f}"
        lines.append(
            f"| {p.kind} {p.pulse_ns / 1000:g} us | {p.n} | {p.white_ns * 1e-9:.0e} | {p.walk_ppb * 1e-9:.0e} | {f['seen']:.0%} "
            f"| {f['now_coverage']:.1%} | {f['now_half']:.3g} | {f['mean_coverage']:.1%} | {f['mean_half']:.3g} | {sharp} "
            f"| {f['told_coverage']:.1%} | {f['ls_coverage']:.1%} |"
        )
    lines += ["", "| declared white, n = 600 | efficiency | held | least squares: efficiency |", "|---|---|---|---|"]
    for p, f in white:
        lines.append(
            f"| {p.kind} {p.pulse_ns / 1000:g} us | {f['efficiency']:.3f} | {f['coverage']:.1%} | {f['ls_efficiency']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--keep", default="build/coverage")
    parser.add_argument("--only", default="", help="points whose name has this in it, such as gauss-200 or -600")
    parser.add_argument("--write", type=Path, help="put the table between the markers of this Markdown file")
    args = parser.parse_args()
    for point in (
        Point("gauss", 200.0, 10.0, 0.3, 600),
        Point("outliers", 2000.0, 0.0, 3.0, 600),
        Point("counter", 200.0, 0.0, 0.0, 600),
    ):
        if not agree(make(point, 1).z):
            print(f"the compiled estimator and the plain one disagree at {point.key}", file=sys.stderr)
            return 2
    Path(args.keep).mkdir(parents=True, exist_ok=True)
    todo = tasks(args.runs, args.only, args.keep)
    if not todo:
        print(f"no point has {args.only!r} in its name", file=sys.stderr)
        return 2
    todo.sort(key=lambda t: -t[1].n)  # the long ones first: no core idles at the end
    begun, done = time.monotonic(), {}
    with multiprocessing.Pool(args.jobs) as pool:
        for i, (what, point, found) in enumerate(pool.imap_unordered(job, todo), 1):
            done[what, point.key] = found
            left = (time.monotonic() - begun) / i * (len(todo) - i)
            end = "\r" if sys.stderr.isatty() else "\n"
            print(
                f"{i}/{len(todo)} points, about {left / 60:.0f} min left ({point.key})".ljust(78),
                file=sys.stderr,
                end=end,
                flush=True,
            )
    sweep = [(t[1], done["sweep", t[1].key]) for t in tasks(args.runs, args.only, args.keep) if t[0] == "sweep"]
    white = [(t[1], done["white", t[1].key]) for t in tasks(args.runs, args.only, args.keep) if t[0] == "white"]
    text = table(sweep, white)
    print(text)
    if args.write:
        before, _, rest = args.write.read_text().partition("<!-- coverage table -->\n")
        _, _, after = rest.partition("<!-- end of coverage table -->")
        args.write.write_text(f"{before}<!-- coverage table -->\n{text}<!-- end of coverage table -->{after}")
    bad = failures(sweep, white)
    print("\n".join(bad) or f"all {len(sweep) + len(white)} points hold")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
