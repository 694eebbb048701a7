"""`gpstime holdover drill`: the command and its report; `gpstime holdover scores` is in `outages`."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable

from gpstime.app.config import load as load_config
from gpstime.app.discipline import Limited, rivals
from gpstime.app.discipline_words import assumed, say
from gpstime.app.drill import Drill, Drilled
from gpstime.app.dry_run import DryWorld
from gpstime.app.durations import parse_duration, say_duration
from gpstime.app.interrupt import Interruptible
from gpstime.app.run import run
from gpstime.app.steered import SteeredWorld, biases_of
from gpstime.core.policy import Policy
from gpstime.core.wander import SOON_S
from gpstime.errors import CaptureUnreadable, DeviceError, UsageError
from gpstime.model import Applied, Event, Finding, Mode
from gpstime.ports import World
from gpstime.report.figures import say_time
from gpstime.store.outages import Outages, Over
from gpstime.times import UtcTime

LIVE = "live"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from gpstime.report import outages

    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    drill = "mask the pulse for a while, and see what becomes of the clock"
    _add_drill(what.add_parser("drill", help=drill, allow_abbrev=False))
    outages.add_arguments(what.add_parser("scores", help="how often the bounds of holdovers held so far", allow_abbrev=False))


def _add_drill(parser: argparse.ArgumentParser) -> None:
    from gpstime.app.board import add_board_arguments

    parser.add_argument("--minutes", type=_minutes, default=60.0, metavar="N", help="how long the pulse is masked (60)")
    parser.add_argument("--settle", type=_span, default=1800.0, metavar="TIME", help="how long the loop tracks before that (30m)")
    parser.add_argument(
        "--world", default=LIVE, metavar="live|sim|FILE", help="this machine (the default), a simulated board, a capture"
    )
    parser.add_argument("--steer", action="store_true", help="really steer the clock (default: one that only looks as if)")
    parser.add_argument("--takeover", action="store_true", help="with --steer: although another program steers this clock")
    parser.add_argument("--free", type=float, default=1.0, metavar="MS", help="forecast for an offset of this many ms (1)")
    parser.add_argument("--config", metavar="FILE", help="this machine's devices (default: /etc/gpstime.toml, if there)")
    parser.add_argument("--source", choices=("serial", "gpsd", "none"), help="where this machine's sentences come from")
    parser.add_argument("--json", action="store_true", help="one JSON object, and nothing else on stdout")
    add_board_arguments(parser.add_argument_group("the simulated board (--world sim)"), rtc=False)
    parser.set_defaults(rtc=None, rtc_bus=None, limit_s=None)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 1.0 <= minutes <= 10_080.0:
        raise argparse.ArgumentTypeError(f"{text}: a drill lasts from 1 minute to a week")
    return minutes


def _span(text: str) -> float:
    try:
        return parse_duration(text)
    except UsageError as e:
        raise argparse.ArgumentTypeError(str(e)) from None


def command(args: argparse.Namespace) -> int:
    """Exit code 0 if the bound held at the end of the outage, 1 if not or if it never came to one."""
    if args.what == "scores":
        from gpstime.report import outages

        return outages.command(args)
    from gpstime.app.worlds import made_up, open_world
    from gpstime.drivers.leap_files import load

    lasts_s = args.minutes * 60.0
    live = args.world == LIVE
    if args.steer and not live and args.world != "sim":
        raise UsageError("a recording can't be steered: leave --steer out")
    if args.steer and live:
        from gpstime.drivers.steering import who_steers

        rivals(who_steers(), args.takeover)
    args.limit_s = math.ceil(args.settle + lasts_s) + 120.0  # how long a simulated board lives
    try:
        opened = open_world(args.world, args)
    except DeviceError as e:
        raise UsageError(f"this machine has no pulse to hold over from: {e} (for a simulated board say --world sim)") from None
    policy = Policy(free_ns=args.free * 1e6, takeover=args.takeover, next_second=args.steer and live)
    drill = Drill(load(), opened.not_before, policy, args.settle, lasts_s)
    assert drill.engine.discipline is not None
    drill.engine.discipline.biases = biases_of(getattr(opened.world, "head", {}))
    world: World = opened.world
    if args.steer and live:
        assert opened.clock is not None
        world = SteeredWorld(world, opened.clock)
    elif not args.steer:
        world = DryWorld(world)
    if not args.json and made_up(opened):
        print("SIMULATED: a made-up board; no clock of this machine is touched.", flush=True)
    with Interruptible() as interrupt:
        try:
            run(Limited(world, interrupt, None, lambda: drill.done), drill, [*opened.sinks, _teller()])
        finally:
            world.close()
    out = drill.out
    print(json.dumps(as_object(out)) if args.json else as_text(out), flush=True)
    if live and (trouble := keep(out, load_config(args.config).record.folder, drill.engine.discipline.second)):
        print(f"gpstime holdover: {trouble}", file=sys.stderr)
    if out.outage is None:
        print(f"gpstime holdover: the drill was not finished: {out.mode.value}: {out.why}", file=sys.stderr)
    return 0 if out.outage is not None and out.outage.held else 1


def keep(d: Drilled, folder: str, second: UtcTime | None) -> str:
    """Beside the service's scores, where there is such a folder; what went wrong."""
    if d.outage is None or not folder or not os.path.isdir(folder):
        return ""
    o, utc = d.outage, "" if second is None else second.iso()
    over = Over(utc, round(o.lasted_s, 3), round(o.off_ns, 1), round(o.bound_ns, 1), d.limit_ns, d.forecast_s, d.seen_s, "drill")
    try:
        return Outages(folder).add(over)
    except CaptureUnreadable as e:
        return str(e)


def _teller() -> Callable[[Event | Finding], None]:
    first: list[int] = []

    def tell(value: Event | Finding) -> None:
        if not first:
            first.append(value.at)
        line = "" if isinstance(value, Applied) and not value.refused else say(value)
        if line:
            print(f"{say_duration((value.at - first[0]) / 1e9)}: {line}", file=sys.stderr, flush=True)

    return tell


def as_text(d: Drilled) -> str:
    if d.begun_s is None or d.ended_s is None or d.forecast_s is None:
        return f"  no drill      the loop never tracked long enough: {d.mode.value}: {d.why}"
    lines = [
        ("masked", f"from {say_duration(d.begun_s)} to {say_duration(d.ended_s)}; measured all the while"),
        ("forecast", f"within {d.limit_ns / 1e6:g} ms for {say_duration(d.forecast_s)} (95 %)"),
    ]
    if d.ended_s - d.begun_s > max(d.seen_s, SOON_S):
        lines.append(("", assumed(d.seen_s)))
    lines += [
        ("", f"{say_duration(t):>12}  off {say_time(off / 1e9):>9}   bound {say_time(bound / 1e9)}") for t, off, bound in d.points
    ]
    if d.seconds:
        lines.append(("held", f"{100 * d.held / d.seconds:.1f} % of {d.seconds} masked pulses were within the bound"))
    if d.outage is not None:
        word = "within" if d.outage.held else "BEYOND"
        off, bound = say_time(d.outage.off_ns / 1e9), say_time(d.outage.bound_ns / 1e9)
        lines.append(("at the end", f"{off} off, {word} the bound of {bound} (biases left out of both)"))
    if d.mode is not Mode.TRACKING:
        lines.append(("mode", f"{d.mode.value}: {d.why}"))
    return "\n".join(f"  {name:11} {text}" for name, text in lines)


def as_object(d: Drilled) -> dict[str, object]:
    """Keys are documented in docs/json.md."""
    outage = d.outage
    return {
        "begun_s": d.begun_s,
        "ended_s": d.ended_s,
        "limit_ns": d.limit_ns,
        "forecast_s": d.forecast_s,
        "seen_s": d.seen_s,
        "points": [{"after_s": round(t, 3), "off_ns": off, "bound_ns": round(bound, 3)} for t, off, bound in d.points],
        "seconds": d.seconds,
        "held": d.held,
        "lasted_s": None if outage is None else round(outage.lasted_s, 3),
        "off_ns": None if outage is None else round(outage.off_ns, 3),
        "bound_ns": None if outage is None else round(outage.bound_ns, 3),
        "mode": d.mode.value,
        "why": d.why,
    }
