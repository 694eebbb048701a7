"""`gpstime discipline`: the command, its options, and its report for people and programs."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import replace

from gpstime.app.discipline import Disciplined, biases_of, discipline, rivals
from gpstime.app.durations import parse_duration, say_duration
from gpstime.core.bound import SIGMAS
from gpstime.core.policy import Policy
from gpstime.errors import DeviceError, UsageError
from gpstime.model import Applied, ErrorBound, Finding, Mode, ModeChange, SlewAnnounced, StepAnnounced
from gpstime.report.figures import say_time

LIVE = "live"
LONG = 6
"""Lines of one kind in the report for people."""


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
    from gpstime.app.worlds import open_world
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
        from gpstime.drivers.kernel_clock import KernelClock

        assert opened.machine is not None
        policy = replace(policy, next_second=True)
        clock = KernelClock(opened.machine.clocks, on_frequency=opened.machine.steering.expect)
    biases = biases_of(getattr(opened.world, "head", {}))
    if opened.simulated:
        biases = replace(biases, pulse_ns=_simulated_bias(args))
    if not args.json:
        print(_headline(args, live), flush=True)
    done = discipline(
        opened, load(), policy, name=args.world, clock=clock, steer=args.steer, limit_s=args.limit_s, say=_say, biases=biases
    )
    if opened.simulated and args.steer:
        done.true_offset_ns = _truth(opened.world)
    print(json.dumps(as_object(done)) if args.json else as_text(done), flush=True)
    if done.mode is not Mode.TRACKING:
        print(f"gpstime discipline: the clock is not tracking at the end: {done.why}", file=sys.stderr)
    return 0 if done.mode is Mode.TRACKING else 1


def _simulated_bias(args: argparse.Namespace) -> float:
    from gpstime.sim.clock import board

    return float(abs(args.pps_bias) * 1e9 if args.pps_bias is not None else board(args.board).irq_bias_ns)


def _truth(world: object) -> int | None:
    """By how much a simulated clock is ahead at the end."""
    from gpstime.sim.world import SimWorld

    return world.offset_now_ns if isinstance(world, SimWorld) else None


def _headline(args: argparse.Namespace, live: bool) -> str:
    simulated = not live and args.world == "sim"
    first = "SIMULATED: a made-up board; no clock of this machine is touched. " if simulated else ""
    if args.steer:
        return first + ("Steering the made-up clock." if first else "STEERING this machine's clock.")
    return first + "DRY RUN: nothing is done to any clock; this is what would be done (--steer does it)."


# ---- log lines -----------------------------------------------------------------------------------------------------------------


def say(value: Finding | Applied) -> str:
    """One line for people."""
    if isinstance(value, ModeChange):
        return f"{value.old.value} -> {value.new.value}: {value.why}"
    if isinstance(value, StepAnnounced):
        shows = f"from {_clock(value.before)} to {_clock(value.after)}"
        return f"stepping the clock by {value.delta_ns / 1e9:+.9f} s, {shows}: {value.why}"
    if isinstance(value, SlewAnnounced):
        lasts, rate = say_duration(value.arrives_s), value.rate_ppb / 1e3
        return f"slewing {say_time(value.offset_ns / 1e9)} away at {rate:+.0f} ppm: there in {lasts}"
    return value.refused if isinstance(value, Applied) else ""


def _clock(unix: int) -> str:
    from gpstime.times import UtcTime

    return UtcTime.from_unix(unix).iso(6)


def _say(seconds: float, value: Finding | Applied) -> None:
    print(f"{say_duration(seconds)}: {say(value)}", file=sys.stderr, flush=True)


# ---- the report ----------------------------------------------------------------------------------------------------------------


def as_text(d: Disciplined) -> str:
    lines = [("mode", f"{d.mode.value}: {d.why}")]
    if d.offset_ns is not None and d.offset_sigma_ns is not None:
        lines.append(
            ("offset", f"{_signed(d.offset_ns)} expected, ± {say_time(SIGMAS * d.offset_sigma_ns / 1e9)} (95 %, noise only)")
        )
    if d.correction_ppb is not None:
        lines.append(("frequency", f"{d.correction_ppb / 1e3:+.4f} ppm of correction, the bare drift, {d.updates} updates"))
    if d.bound is not None and math.isfinite(d.bound.bound_ns):
        lines += _ledger(d.bound)
    if d.coverage is not None:
        lines.append(
            ("coverage", f"{100 * d.coverage:.1f} % of {d.coverage_seconds} pulses were within the bound of the second before")
        )
    if d.true_offset_ns is not None:
        lines.append(("truth", f"the simulated clock is {_signed(d.true_offset_ns)} off at the end, which only a simulation knows"))
    lines.append(("steps", _some([f"{s.delta_ns / 1e9:+.9f} s after {say_duration(at)}: {s.why}" for at, s in d.steps])))
    lines.append(
        (
            "slews",
            _some([f"{_signed(s.offset_ns)} after {say_duration(at)}, {say_duration(s.arrives_s)} long" for at, s in d.slews]),
        )
    )
    if d.refused:
        lines.append(("refused", d.refused))
    return "\n".join(f"  {name:11} {text}" for name, text in lines)


def _some(texts: list[str]) -> str:
    more = len(texts) - LONG
    return "none" if not texts else "; ".join(texts[:LONG]) + (f"; and {more} more" if more > 0 else "")


def _ledger(bound: ErrorBound) -> list[tuple[str, str]]:
    p = bound.parts
    biases = " + ".join(f"{name} {say_time(p[name] / 1e9)}" for name in ("receiver", "cable", "pulse", "left"))
    noise = ", ".join(f"{name} {say_time(p[name] / 1e9)}" for name in ("fit", "jitter", "age", "wander"))
    sigma = math.sqrt(sum(p[name] ** 2 for name in ("fit", "jitter", "age", "wander")))
    return [
        ("bound", f"± {say_time(bound.bound_ns / 1e9)} (95 %), {bound.status.value}, growing by {bound.growth_ppb:.3g} ppb"),
        ("", f"= {biases} (these add up)"),
        ("", f"+ {SIGMAS:g} x {say_time(sigma / 1e9)} ({noise}; these in quadrature)"),
    ]


def _signed(ns: float) -> str:
    return ("+" if ns >= 0 else "") + say_time(ns / 1e9)


def as_object(d: Disciplined) -> dict[str, object]:
    """Keys are documented in docs/json.md."""
    bound = d.bound
    known = bound is not None and math.isfinite(bound.bound_ns)
    return {
        "world": d.world,
        "steered": d.steered,
        "simulated": d.simulated,
        "mode": d.mode.value,
        "why": d.why,
        "label": d.label,
        "seconds": round(d.seconds, 3),
        "updates": d.updates,
        "offset_ns": _round(d.offset_ns),
        "offset_sigma_ns": _round(d.offset_sigma_ns),
        "true_offset_ns": d.true_offset_ns,
        "correction_ppb": _round(d.correction_ppb),
        "bound_ns": _round(bound.bound_ns) if bound is not None and known else None,
        "growth_ppb": _round(bound.growth_ppb) if bound is not None and known else None,
        "bound_status": bound.status.value if bound is not None else "unknown",
        "parts_ns": {name: _round(v) for name, v in bound.parts.items()} if bound is not None else {},
        "coverage": _round(d.coverage),
        "coverage_seconds": d.coverage_seconds,
        "modes": [{"at_s": round(at, 3), "old": m.old.value, "new": m.new.value, "why": m.why} for at, m in d.modes],
        "steps": [
            {"at_s": round(at, 3), "delta_ns": s.delta_ns, "before": s.before, "after": s.after, "why": s.why} for at, s in d.steps
        ],
        "slews": [
            {
                "at_s": round(at, 3),
                "offset_ns": _round(s.offset_ns),
                "rate_ppb": _round(s.rate_ppb),
                "arrives_s": _round(s.arrives_s),
            }
            for at, s in d.slews
        ],
        "refused": d.refused,
        "interrupted": d.interrupted,
    }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
