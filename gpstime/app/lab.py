"""`gpstime lab run`: the loop, through the whole engine, on the traces of a crystal and a pulse; what the clock did goes to a file.

The traces are numpy files of one column: --freq the fractional frequency error of the free-running clock in each second, --pps the
error of each second's pulse stamp in s, NaN for a pulse that did not come. The second of each pulse is taken as known. The result
holds `x`, clock minus true time at each second (s), and `f`, fractional frequency error of the steered clock in each second.
"""

from __future__ import annotations

import argparse
import json
import math
from array import array
from dataclasses import dataclass

from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.core.policy import Policy
from gpstime.errors import UsageError
from gpstime.sim.traces import TraceWorld
from gpstime.store.arrays import read_column, write_columns

SETTLING_S = 7200
"""Left out of the figures, or half of a run that is shorter than twice that."""


@dataclass(frozen=True, slots=True)
class LabRun:
    """What a run on traces came to. RMS, mean and maximum of the clock's error (us) and RMS of its frequency error (ppb) from
    `from_s` on."""

    seconds: int
    pulses: int
    steps: int
    from_s: int
    rms_us: float
    mean_us: float
    max_us: float
    freq_1s_ppb: float


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Those of `lab run`."""
    sub.add_argument("--freq", required=True, metavar="F.npy", help="fractional frequency error of the free clock, each second")
    sub.add_argument(
        "--pps", required=True, metavar="P.npy", help="error of each second's pulse stamp in s, NaN where it did not come"
    )
    sub.add_argument("--x0", type=float, default=0.1, metavar="S", help="error of the clock at the start in s, 0.1 by default")
    sub.add_argument("--out", required=True, metavar="R.npz", help="where to write x and f")
    sub.add_argument("--json", action="store_true", help="the figures as one JSON object")


def command(args: argparse.Namespace) -> int:
    """For the command line."""
    freq, pps = read_column(args.freq), read_column(args.pps)
    if len(freq) != len(pps) or not freq:
        raise UsageError(f"{args.freq} has {len(freq)} seconds and {args.pps} {len(pps)}: one value each for every second")
    world, figures = run_traces(freq, pps, args.x0)
    write_columns(args.out, {"x": world.x_s, "f": world.f})
    if args.json:
        print(json.dumps({"file": args.out, **{name: _finite(getattr(figures, name)) for name in figures.__slots__}}))
    else:
        print(
            f"{args.out}: {figures.seconds} s with {figures.pulses} pulses; {_times(figures.steps)} stepped. "
            f"From {figures.from_s} s on the clock was off by {figures.rms_us:.3f} us RMS "
            f"(mean {figures.mean_us:+.3f}, at most {figures.max_us:.1f}), "
            f"its frequency by {figures.freq_1s_ppb:.1f} ppb RMS over 1 s."
        )
    return 0


def run_traces(freq: array[float], pps: array[float], x0_s: float) -> tuple[TraceWorld, LabRun]:
    """The default loop on traces (fractional, s): the world with what its clock did, and the figures."""
    if not math.isfinite(x0_s) or abs(x0_s) >= 0.5:
        raise UsageError(f"--x0 {x0_s:g}: with the second known, the clock starts less than half a second off")
    if not all(map(math.isfinite, freq)) or any(abs(y) > 0.01 for y in freq):
        raise UsageError("a frequency of the trace is no number, or more than 1 % off")
    if any(abs(late) >= 1.0 for late in pps):
        raise UsageError("a pulse of the trace is a second or more from its second; NaN says that there was none")
    world = TraceWorld(array("d", (y * 1e9 for y in freq)), array("d", (late * 1e9 for late in pps)), x0_s * 1e9)
    run(world, Engine(BUILT_IN.table, discipline=Policy(second_known=True)), [])
    n = len(freq)
    start = min(SETTLING_S, n // 2)
    x, f = world.x_s[start:n], world.f[start:]
    return world, LabRun(
        seconds=n,
        pulses=sum(not math.isnan(late) for late in pps),
        steps=len(world.stepped_ns),
        from_s=start,
        rms_us=_rms(x) * 1e6,
        mean_us=math.fsum(x) / len(x) * 1e6,
        max_us=max(map(abs, x)) * 1e6,
        freq_1s_ppb=_rms(f) * 1e9,
    )


def _rms(values: array[float]) -> float:
    return math.sqrt(math.fsum(v * v for v in values) / len(values))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _times(count: int) -> str:
    return "never" if count == 0 else "once" if count == 1 else f"{count} times"
