"""`gpstime discipline`: the command, its options, and its report for people and programs."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import replace

from gpstime.app.discipline import discipline, rivals
from gpstime.app.discipline_words import say
from gpstime.app.durations import parse_duration, say_duration
from gpstime.app.steered import biases_of
from gpstime.core.policy import Policy
from gpstime.errors import DeviceError, UsageError
from gpstime.model import Applied, Finding, Mode
from gpstime.report.disciplined import as_object, as_text

LIVE = "live"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from gpstime.app.board import add_board_arguments
    from gpstime.sim.streams import seconds

    def span(text: str) -> float:
        try:
            value = seconds(text)
        except ValueError as e:
            raise argparse.ArgumentTypeError(str(e)) from None
        if not (math.isfinite(value) and value >= 0):
            raise argparse.ArgumentTypeError(f"{text} is no time of 0 or more")
        return value

    parser.add_argument(
        "--world",
        default=LIVE,
        metavar="live|sim|FILE",
        help="this machine (the default), a simulated board, or a capture (dry run)",
    )
    parser.add_argument(
        "--for", dest="limit_s", type=_duration, metavar="TIME", help="this long: 90s, 10m, 1h (default: until told)"
    )
    parser.add_argument(
        "--steer", action="store_true", help="really steer the clock (default: a dry run that says what it would do)"
    )
    parser.add_argument("--takeover", action="store_true", help="steer although another program is seen to steer this clock")
    parser.add_argument(
        "--trust-receiver", action="store_true", help="step at once although the clock, which NTP held for right, is seconds off"
    )
    parser.add_argument("--config", metavar="FILE", help="this machine's devices (default: /etc/gpstime.toml, if there)")
    parser.add_argument("--source", choices=("serial", "gpsd", "none"), help="where this machine's sentences come from")
    parser.add_argument("--json", action="store_true", help="one JSON object, and nothing else on stdout")
    policy, default = parser.add_argument_group("when to step and when to slew (times like 1ms, 128ms, 0)"), Policy()
    policy.add_argument(
        "--first-step",
        type=span,
        default=default.first_step_ns / 1e9,
        metavar="TIME",
        help="the first verified update steps an offset beyond this (1ms; 0: never)",
    )
    policy.add_argument(
        "--step", type=span, default=default.step_ns / 1e9, metavar="TIME", help="later ones beyond this (128ms; 0: never)"
    )
    policy.add_argument("--step-updates", type=int, metavar="N", help="steps in the first N updates only (default: always)")
    policy.add_argument(
        "--panic",
        type=span,
        default=default.panic_ns / 1e9,
        metavar="TIME",
        help="an unexplained offset beyond this is not believed (1000s; 0: none)",
    )
    policy.add_argument(
        "--stepout",
        type=span,
        default=default.stepout_s,
        metavar="TIME",
        help="how long an offset that nothing explains must last (300s)",
    )
    policy.add_argument("--max-slew", type=float, default=default.max_slew_ppb / 1e3, metavar="PPM", help="drift included (500)")
    policy.add_argument("--never-back", action="store_true", help="never step backwards: slew, however long it takes")
    policy.add_argument(
        "--free",
        type=span,
        default=default.free_ns / 1e9,
        metavar="TIME",
        help="a holdover whose bound is beyond this is a free-running clock (1ms)",
    )
    add_board_arguments(parser.add_argument_group("the simulated board (--world sim)"), rtc=False)
    parser.set_defaults(rtc=None, rtc_bus=None)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except UsageError as e:
        raise argparse.ArgumentTypeError(str(e)) from None


def policy_of(args: argparse.Namespace) -> Policy:
    """UsageError for what makes no sense."""
    return Policy(
        first_step_ns=round(args.first_step * 1e9),
        step_ns=round(args.step * 1e9),
        max_slew_ppb=args.max_slew * 1e3,
        step_updates=args.step_updates,
        panic_ns=round(args.panic * 1e9),
        stepout_s=args.stepout,
        never_back=args.never_back,
        free_ns=args.free * 1e9,
        takeover=args.takeover,
    )


def command(args: argparse.Namespace) -> int:
    """Exit code 0 if the clock was tracking at the end, 1 if not, 2 where it can't be steered at all."""
    from gpstime.app.worlds import made_up, open_world
    from gpstime.drivers.leap_files import load

    policy, clock = policy_of(args), None
    live = args.world == LIVE
    if args.steer and not live and args.world != "sim":
        raise UsageError("a recording can't be steered: leave --steer out, and see what would have been done")
    if args.steer and live:
        from gpstime.drivers.steering import who_steers

        rivals(who_steers(), args.takeover)
    try:
        opened = open_world(args.world, args)
    except DeviceError as e:
        raise UsageError(f"this machine has no pulse to steer by: {e} (for a simulated board say --world sim)") from None
    if args.steer and live:
        policy, clock = replace(policy, next_second=True), opened.clock
        assert clock is not None
    head = getattr(opened.world, "head", {})
    policy = replace(policy, clock_right=live and head.get("synchronized") is True and not args.trust_receiver)
    biases = biases_of(head)
    if opened.simulated:
        biases = replace(biases, pulse_ns=_simulated_bias(args))
    if not args.json:
        print(_headline(args, made_up(opened)), flush=True)
    done = discipline(
        opened, load(), policy, name=args.world, clock=clock, steer=args.steer, limit_s=args.limit_s, say=_say, biases=biases
    )
    done.late_ns = _late_ns(getattr(opened.world, "head", {}))
    if opened.simulated and args.steer:
        done.true_offset_ns = _truth(opened.world)
    print(json.dumps(as_object(done)) if args.json else as_text(done), flush=True)
    if done.mode is not Mode.TRACKING:
        print(f"gpstime discipline: the clock is not tracking at the end: {done.why}", file=sys.stderr)
    return 0 if done.mode is Mode.TRACKING else 1


def _simulated_bias(args: argparse.Namespace) -> float:
    from gpstime.sim.clock import board

    return float(abs(args.pps_bias) * 1e9 if args.pps_bias is not None else board(args.board).irq_bias_ns)


def _late_ns(head: Mapping[str, object]) -> int | None:
    """What is known of the lateness of this world's stamps."""
    stamps = head.get("stamps")
    late_ns = stamps.get("bias_ns") if isinstance(stamps, Mapping) else None
    return late_ns if isinstance(late_ns, int) else None


def _truth(world: object) -> int | None:
    """By how much a simulated clock is ahead at the end."""
    from gpstime.sim.world import SimWorld

    return world.offset_now_ns if isinstance(world, SimWorld) else None


def _headline(args: argparse.Namespace, simulated: bool) -> str:
    first = "SIMULATED: a made-up board; no clock of this machine is touched. " if simulated else ""
    if args.steer:
        return first + ("Steering the made-up clock." if first else "STEERING this machine's clock.")
    return first + "DRY RUN: nothing is done to any clock; this is what would be done (--steer does it)."


# ---- log lines -----------------------------------------------------------------------------------------------------------------


def _say(seconds: float, value: Finding | Applied) -> None:
    print(f"{say_duration(seconds)}: {say(value)}", file=sys.stderr, flush=True)
