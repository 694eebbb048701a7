"""`gpstime holdover scores`: how often bounds held, over restarts; from the service's file, or anew from its record."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from typing import Any

from gpstime.app.durations import say_duration
from gpstime.app.outage_score import Tally, tallies
from gpstime.app.replay import add_record_argument, folder_of
from gpstime.report.figures import say_time
from gpstime.store.outages import Outages, Over

SHOWN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_record_argument(parser)
    parser.add_argument(
        "--replay", action="store_true", help="find them anew: run the record again, as far as the clock was steered (long)"
    )
    parser.add_argument("--run", type=int, metavar="N", help="with --replay: this run only")
    parser.add_argument("--last", type=int, default=SHOWN, metavar="N", help=f"how many to show one by one ({SHOWN})")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def command(args: argparse.Namespace) -> int:
    """Exit code 0; 1 where so few bounds held that chance does not explain it."""
    folder = folder_of(args)
    if args.replay or args.run is not None:
        from gpstime.app.outage_replay import replayed

        kept = replayed(folder, args.run)
    else:
        kept = Outages(folder)
    found = tallies(kept.over)
    last = kept.over[max(0, len(kept.over) - max(0, args.last)) :]
    if args.json:
        print(json.dumps(as_object(kept, found, last)))
    else:
        print(as_text(found, last) if kept.over else f"  none          no holdover was scored yet ({kept.path or folder})")
    return 1 if any(tally.doubtful for tally in found) else 0


def as_text(found: Sequence[Tally], last: Sequence[Over]) -> str:
    rows = [("of all", say_tally(found[-1]))]
    rows += [(_lengths(tally), say_tally(tally)) for tally in found[:-1] if tally.outages]
    forecasts = [o.forecast_held for o in last if o.forecast_held is not None]
    if forecasts:
        rows.append(("forecasts", f"of the last {len(forecasts)} that spoke of so long, {sum(forecasts)} came true"))
    rows += [("", _one(o)) for o in last]
    return "\n".join(f"  {name:<13} {text}" for name, text in rows)


def say_tally(tally: Tally) -> str:
    """`11 of 12 outages were within their bound`, and whether that is as it should be."""
    doubt = "; 95 % were promised, and chance hardly explains so few: don't rely on it" if tally.doubtful else ""
    return f"{tally.held} of {tally.outages} outage{'s' if tally.outages != 1 else ''} within the bound{doubt}"


def _lengths(tally: Tally) -> str:
    if math.isinf(tally.upto_s):
        return f"over {say_duration(tally.over_s)}"
    return f"up to {say_duration(tally.upto_s)}"


def _one(o: Over) -> str:
    off, bound = say_time(o.off_ns / 1e9), say_time(o.bound_ns / 1e9)
    word = "within" if o.held else "BEYOND"
    until = o.utc or "at a time that nobody knew"
    return f"{say_duration(o.lasted_s)} until {until}: {off} off, {word} {bound}" + (
        f" ({o.by})" if o.by not in ("", "service") else ""
    )


def as_object(kept: Outages, found: Sequence[Tally], last: Sequence[Over]) -> dict[str, Any]:
    """Keys are documented in docs/json.md."""
    return {
        "file": None if kept.path is None else str(kept.path),
        "outages": found[-1].outages,
        "held": found[-1].held,
        "doubtful": any(tally.doubtful for tally in found),
        "lengths": [
            {
                "over_s": tally.over_s,
                "upto_s": None if math.isinf(tally.upto_s) else tally.upto_s,
                "outages": tally.outages,
                "held": tally.held,
                "doubtful": tally.doubtful,
            }
            for tally in found[:-1]
        ],
        "last": [object_of(o) for o in last],
        "skipped": kept.skipped,
    }


def object_of(o: Over) -> dict[str, Any]:
    return {
        "utc": o.utc or None,
        "lasted_s": o.lasted_s,
        "off_ns": o.off_ns,
        "bound_ns": o.bound_ns,
        "held": o.held,
        "limit_ns": o.limit_ns,
        "forecast_s": o.lasts_s,
        "forecast_held": o.forecast_held,
        "seen_s": o.seen_s,
        "by": o.by or None,
        "run": o.run,
    }
