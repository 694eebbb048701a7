"""`gpstime lab`: policies compared on a simulated clock or on a recorded night; the loop on traces."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from gpstime.app import lab as lab_run
from gpstime.app import lab_compare, lab_reclose
from gpstime.app.lab_compare import Comparison, Ran
from gpstime.report.lab_text import text, when
from gpstime.times import NS, UtcTime


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of the lab."""
    commands = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    sub = commands.add_parser(
        "compare", help="slew, step and no correction on the same simulated clock, on one page", allow_abbrev=False
    )
    lab_compare.add_arguments(sub)
    _add_showing(sub)
    sub = commands.add_parser("reclose", help="a recorded night again, with other policies", allow_abbrev=False)
    lab_reclose.add_arguments(sub)
    _add_showing(sub)
    lab_run.add_arguments(commands.add_parser("run", help="the loop on the traces of a crystal and a pulse", allow_abbrev=False))


def _add_showing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plot", metavar="FILE", help="the page as a picture too: *.png, *.svg or *.pdf (needs gpstime-pi[plot])")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")


def command(args: argparse.Namespace) -> int:
    """0; 1 where nothing could be done to any clock, since no second was verified."""
    if args.what == "run":
        return lab_run.command(args)
    if args.plot is not None:
        from gpstime.report.lab_plot import ready

        ready(args.plot)  # before minutes are spent
    comparison = lab_compare.compare_args(args) if args.what == "compare" else lab_reclose.reclose_args(args)
    if comparison is None:
        print(
            f"gpstime lab: {args.capture}: no pulses whose second is verified, so there is nothing to close again", file=sys.stderr
        )
        return 1
    if args.plot is not None:
        from gpstime.report.lab_plot import plot

        plot(comparison, args.plot)
    print(json.dumps(object_of(comparison)) if args.json else text(comparison))
    if args.plot is not None and not args.json:
        print(f"\nThe picture is in {args.plot}.")
    if not comparison.acted and args.json:
        print(f"gpstime lab: {when(comparison)}", file=sys.stderr)
    return 0 if comparison.acted or not comparison.steering else 1


def object_of(comparison: Comparison) -> dict[str, Any]:
    """The JSON object."""
    return {
        "source": comparison.source,
        "x0_s": comparison.x0_s,
        "ppm": comparison.ppm,
        "seed": comparison.seed,
        "max_slew_ppb": comparison.max_slew_ppb,
        "span_s": comparison.span_s,
        "policies": [_run_object(r) for r in comparison.ran],
    }


def _run_object(ran: Ran) -> dict[str, Any]:
    f, s, acted = ran.figures, ran.stamped, ran.course.acted_ns()
    return {
        "policy": ran.name,
        "acted_s": None if acted is None else acted / NS,
        "settled_s": f.settled_s,
        "first_ns": f.first_ns,
        "last_ns": f.last_ns,
        "worst_rate_ppb": f.worst_rate_ppb,
        "back": f.back,
        "most_back_ns": f.most_back_ns,
        "repeated_ns": f.repeated_ns,
        "forward": f.forward,
        "most_forward_ns": f.most_forward_ns,
        "events": s.events,
        "events_per_s": s.per_s,
        "reordered": s.reordered,
        "duplicated": s.duplicated,
        "windows": [
            {
                "utc": UtcTime.from_unix(ran.course.unix0 + round(w.start_s * NS)).iso(),
                "events": w.events,
                "expected": w.expected,
            }
            for w in s.windows
        ],
    }
