"""The options that describe a simulated board, shared by `gpstime sim` and `gpstime measure --world sim`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

from gpstime.errors import UsageError
from gpstime.sim.clock import BOARDS
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.personalities import PERSONALITIES
from gpstime.sim.pulse import NOISES
from gpstime.sim.rtc import SimRtc
from gpstime.sim.scenario import Scenario
from gpstime.sim.streams import seconds
from gpstime.times import UtcTime

DEFAULT_S = 600
LONGEST_S = 10 * 366 * 86_400
TEMPERATURE_S = 60
"""How often a simulated board reads its temperature, where that changes."""
_SLACK_S = 120
"""A measurement counts from the first pulse, which a cold start delays: its world lasts this much longer than asked."""


def _checked(parse: Callable[[str], float], low: float = -math.inf, high: float = math.inf) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            value = parse(text)
        except ValueError as e:  # UsageError is one
            raise argparse.ArgumentTypeError(str(e)) from None
        if not (math.isfinite(value) and low <= value <= high):
            raise argparse.ArgumentTypeError(f"{text} is out of range ({low:g} to {high:g})")
        return value

    return convert


def _utc(text: str) -> UtcTime:
    try:
        return UtcTime.parse(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(str(e)) from None


_SPAN = _checked(seconds, 0.0, 1e6)
_SIGNED_SPAN = _checked(seconds, -4e9, 4e9)
_LEVEL = _checked(float, 0.0, 1e-2)


def add_board_arguments(options: argparse._ActionsContainer, rtc: bool = True) -> None:
    """All options of a simulated board, on a parser or a group of one. Time spans are written like 500ms, 1us, 10m.

    `rtc` False: the command has its own --rtc.
    """
    add = options.add_argument
    add("--seed", type=int, default=0, metavar="N", help="the same seed gives the same run, event by event (default 0)")
    add("--board", default="pi4", metavar="NAME", help=f"counter and interrupt latency of: {', '.join(BOARDS)} (default pi4)")
    add("--personality", default="ublox-m8", metavar="NAME", help=f"the receiver: {', '.join(PERSONALITIES)} (default ublox-m8)")
    add("--start", type=_utc, metavar="UTC", help="true time at the start, like 2026-03-01T12:00:00Z")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,...]",
        help="may be given several times; gpstime sim --list",
    )
    add("--ppm", type=_checked(float, -1e5, 1e5), help="static frequency error (default: drawn, sd 5)")
    add("--white-fm", type=_LEVEL, default=1e-9, metavar="Y", help="white frequency noise: Allan deviation at 1 s (default 1e-9)")
    add("--flicker-fm", type=_LEVEL, default=0.0, metavar="Y", help="flicker frequency noise: floor of the Allan deviation")
    add("--walk-fm", type=_LEVEL, default=1e-10, metavar="Y", help="random walk of frequency per root second (default 1e-10)")
    add("--ageing", type=_checked(float, -1e6, 1e6), default=0.0, metavar="PPB", help="linear ageing per day")
    add("--daily-temp", type=_checked(float, 0, 60), default=0.0, metavar="C", help="amplitude of a daily temperature sine")
    add("--load-temp", type=_checked(float, 0, 60), default=0.0, metavar="C", help="warming by a load that comes and goes")
    add("--tempco", type=_checked(float, -1e5, 1e5), default=-150.0, metavar="PPB", help="frequency per degree (default -150)")
    add("--pps-noise", type=_SPAN, default=0.3e-6, metavar="TIME", help="level of the pulse stamps' noise (default 300ns)")
    add("--pps-noise-kind", default="gauss", metavar="KIND", help=f"{', '.join(NOISES)} (default gauss)")
    add("--pps-bias", type=_SIGNED_SPAN, metavar="TIME", help="constant latency of the stamps (default: the board's)")
    add("--both-edges", action="store_true", help="stamp the trailing edge too")
    add("--delay", type=_SPAN, metavar="TIME", help="first byte of the burst after the pulse (default: the personality's)")
    add("--jitter", type=_SPAN, metavar="TIME", help="its spread, one sigma (default: the personality's)")
    add("--baud", type=int, metavar="N", help="of receiver and port (default: the personality's)")
    add("--sentences", metavar="LIST", help="like RMC or RMC,GGA,ZDA, in this order (default: the personality's)")
    add("--read", type=_checked(seconds, 1e-4, 10), default=0.02, metavar="TIME", help="how often the port is read (default 20ms)")
    add("--system-offset", type=_SIGNED_SPAN, default=0.0, metavar="TIME", help="system clock minus true time at the start")
    add(
        "--tick",
        type=_checked(seconds, 0, 86_400),
        default=10.0,
        metavar="TIME",
        help="how often clocks are read together (default 10s)",
    )
    if rtc:
        add("--rtc", metavar="CHIP", help="with this clock chip on a simulated I2C bus, like ds3231")
    add("--rtc-offset", type=_SIGNED_SPAN, default=0.0, metavar="TIME", help="the chip minus true time at the start")
    add("--rtc-ppm", type=_checked(float, -1e5, 1e5), metavar="PPM", help="its own frequency error (default 0.5)")
    add("--rtc-untrusted", action="store_true", help="its oscillator has stopped since it was set")
    add("--rtc-trim", type=int, metavar="N", help="what its trim register holds (default: 0)")
    add("--rtc-sqw", action="store_true", help="its 1 Hz output is wired to a GPIO and timed like a pulse")


def scenario_from(args: argparse.Namespace) -> Scenario:
    """The checked scenario of these options. Its length: `--for` of `gpstime sim`; for a measurement that and some slack."""
    lasts = getattr(args, "duration_s", None)
    if lasts is None:
        limit = getattr(args, "limit_s", None)
        lasts = DEFAULT_S + 1 if limit is None else min(limit + _SLACK_S, LONGEST_S)
    rtc = None  # one that is read over its bus is not the scenario's: see app.rtc_world
    if not getattr(args, "rtc", None) and (args.rtc_offset or args.rtc_ppm is not None or args.rtc_untrusted):
        rtc = SimRtc(0.5 if args.rtc_ppm is None else args.rtc_ppm, args.rtc_offset, not args.rtc_untrusted)
    if args.baud is not None and not 300 <= args.baud <= 4_000_000:
        raise UsageError(f"baud rate {args.baud} is out of range; receivers use 4800 to 921600")
    return Scenario(
        seed=args.seed,
        duration_s=math.ceil(lasts),
        board=args.board,
        personality=args.personality,
        start=args.start,
        oscillator=Oscillator(
            ppm=args.ppm,
            white_fm=args.white_fm,
            flicker_fm=args.flicker_fm,
            walk_fm=args.walk_fm,
            ageing_ppb_per_day=args.ageing,
            ppb_per_c=args.tempco,
            daily_c=args.daily_temp,
            load_c=args.load_temp,
        ),
        pps_noise_ns=args.pps_noise * 1e9,
        pps_noise=args.pps_noise_kind,
        pps_bias_ns=None if args.pps_bias is None else args.pps_bias * 1e9,
        both_edges=args.both_edges,
        delay_ms=None if args.delay is None else args.delay * 1e3,
        jitter_ms=None if args.jitter is None else args.jitter * 1e3,
        baud=args.baud,
        sentences=None if args.sentences is None else tuple(args.sentences.split(",")),
        read_ms=args.read * 1e3,
        system_offset_s=args.system_offset,
        tick_s=math.ceil(args.tick),
        temperature_s=TEMPERATURE_S if args.daily_temp or args.load_temp else getattr(args, "temperature_s", 0),
        rtc=rtc,
        faults=tuple(args.fault),
    ).checked()
