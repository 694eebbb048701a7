"""`gpstime sim`: write a capture of a simulated board, with any fault, and tell the truth about it at the end."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TextIO

from gpstime.app.board import DEFAULT_S, LONGEST_S, add_board_arguments, scenario_from
from gpstime.app.durations import parse_duration
from gpstime.app.rtc_world import RtcWorld, simulated
from gpstime.app.written import written
from gpstime.errors import UsageError
from gpstime.sim.clock import BOARDS
from gpstime.sim.faults import FAULTS, FOREVER, FaultKind
from gpstime.sim.personalities import PERSONALITIES
from gpstime.sim.world import SimWorld
from gpstime.store.capture import encode, encode_head

__all__ = ["add_arguments", "command", "listing", "scenario_from", "sim", "write_capture"]


def add_arguments(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Everything for the command on its parser; on a group of another command's parser only the options of the board."""
    if isinstance(parser, argparse.ArgumentParser):
        parser.add_argument("out", nargs="?", metavar="OUT", help="the capture: *.jsonl, *.jsonl.xz, *.jsonl.zst, or - for stdout")
        parser.add_argument(
            "--for", dest="duration_s", type=_duration, default=float(DEFAULT_S), metavar="TIME", help="10m by default"
        )
        parser.add_argument("--json", action="store_true", help="the truth as one JSON object (on stderr if OUT is -)")
        parser.add_argument("--list", action="store_true", help="personalities, boards and faults with their parameters, and end")
        add_board_arguments(parser.add_argument_group("the board"))
    else:
        add_board_arguments(parser)


def _duration(text: str) -> float:
    try:
        lasts = parse_duration(text)
    except UsageError as e:
        raise argparse.ArgumentTypeError(str(e)) from None
    if not 1 <= lasts <= LONGEST_S:
        raise argparse.ArgumentTypeError("a simulated run lasts from one second to ten years")
    return lasts


def command(args: argparse.Namespace) -> int:
    """For the command line."""
    return sim(args)


def sim(args: argparse.Namespace) -> int:
    """Write the capture; 0. The set-up being wrong comes as UsageError, a file that can't be written as OSError.

    With --json the truth is one object: file, seed, freq_ppb (slow part at the last pulse), mean_freq_ppb (first to last pulse),
    n (pulses), span_s, first_pulse and last_pulse ({t: raw ns, utc: its true second}), faults; null where no pulse says it.
    """
    if args.list:
        print(json.dumps(_catalogue(), indent=1) if args.json else listing())
        return 0
    if args.out is None:
        raise UsageError("no file: say gpstime sim OUT.jsonl (or - for stdout), or --list for what can be simulated")
    world = simulated(args)
    with written(args.out) as out:
        write_capture(world, out)
    truth = {"file": args.out, "seed": world.scenario.seed, **world.truth.summary()}
    if isinstance(world, RtcWorld):
        truth["rtc"] = {"chip": world.fake.name, "mean_freq_ppb": world.fake.truth.mean_ppm * 1e3}
    truth["faults"] = [str(f) for f in world.scenario.faults]
    print(json.dumps(truth) if args.json else _sentence(truth), file=sys.stderr if args.out == "-" else sys.stdout)
    return 0


def write_capture(world: SimWorld | RtcWorld, out: TextIO) -> None:
    """The whole run as an open capture."""
    out.write(encode_head(**world.head) + "\n")
    for event in world.events():
        out.write(encode(event) + "\n")


def _sentence(truth: dict[str, object]) -> str:
    current, mean = truth["freq_ppb"], truth["mean_freq_ppb"]
    if not isinstance(current, float) or not isinstance(mean, float):
        return f"{truth['file']}: simulated; no pulse counts seconds in it"
    return (
        f"{truth['file']}: simulated; {truth['n']} pulses over {truth['span_s']} s. "
        f"The truth: the crystal is {current / 1e3:+.4f} ppm off at the end, {mean / 1e3:+.4f} ppm on average."
    )


def _parameters(kind: FaultKind) -> str:
    parts = [f"at={kind.at_s:g}s"] if kind.at_s else []
    parts += [f"for={kind.for_s:g}s"] if kind.for_s != FOREVER else []
    parts += [f"{k}={v:g}s" if k in kind.spans and isinstance(v, float) else f"{k}={v}" for k, v in kind.values.items()]
    return ",".join(parts)


def listing() -> str:
    """For people: everything that `--personality`, `--board` and `--fault` know, with defaults."""
    lines = ["Receivers (--personality):"]
    lines += [
        f"  {p.name:12} {p.about}; {p.delay_ms:g} ms after the pulse, sd {p.jitter_ms:g} ms, {p.baud} baud"
        for p in PERSONALITIES.values()
    ]
    lines += ["", "Boards (--board):"]
    lines += [f"  {name:12} {b.name}: counter of {1e3 * b.num / b.den:g} MHz" for name, b in BOARDS.items()]
    lines += ["", "Faults (--fault NAME:key=value,...), each with `at` and `for` and the parameters shown with their defaults:"]
    for where in dict.fromkeys(k.where for k in FAULTS.values()):
        lines.append(f" {where}:")
        lines += [f"  {k.name:18} {k.says} [{k.source}]  {_parameters(k)}".rstrip() for k in FAULTS.values() if k.where == where]
    return "\n".join(lines)


def _catalogue() -> dict[str, object]:
    return {
        "personalities": {p.name: p.about for p in PERSONALITIES.values()},
        "boards": {name: b.name for name, b in BOARDS.items()},
        "faults": {
            k.name: {
                "where": k.where,
                "source": k.source,
                "says": k.says,
                "at_s": k.at_s,
                "for_s": None if k.for_s == FOREVER else k.for_s,
                "parameters": dict(k.values),
            }
            for k in FAULTS.values()
        },
    }
