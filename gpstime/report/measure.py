"""`gpstime measure`: the command and its options."""

from __future__ import annotations

import argparse
import json
import sys

from gpstime.app.durations import parse_duration
from gpstime.app.measure import Measurement, measure, unreadable
from gpstime.errors import DeviceError, GpstimeError, UsageError
from gpstime.report.live_line import LiveLine, on_terminal
from gpstime.report.measurement import as_object, as_text

LIVE = "live"
"""The world that is meant where none is named."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from gpstime.app.board import add_board_arguments

    parser.add_argument(
        "--world",
        action="append",
        metavar="live|sim|FILE",
        help="where pulses and sentences come from: this machine (the default), a simulated board, or a capture (- is stdin); "
        "may be given several times",
    )
    parser.add_argument(
        "--for",
        dest="limit_s",
        type=_duration,
        metavar="TIME",
        help="measure this long (true time, from the first pulse on; without any pulse for so long, a live board is given up): "
        "90s, 10m, 1h, 2d",
    )
    parser.add_argument(
        "--source",
        choices=("serial", "gpsd", "none"),
        help="where this machine's sentences come from: the port, a gpsd that owns it, or nowhere (default: the configuration's)",
    )
    parser.add_argument("--config", metavar="FILE", help="this machine's devices (default: /etc/gpstime.toml, if there)")
    parser.add_argument("--noise", choices=("auto", "white"), default="auto", help="white: the crystal is declared not to wander")
    parser.add_argument("--json", action="store_true", help="one JSON object for each world, and nothing else on stdout")
    parser.add_argument(
        "--rtc",
        metavar="CHIP",
        help="measure this clock chip's crystal too, like ds3231 (kernel: whatever the kernel's driver has); without a pulse it is "
        "held against the system clock",
    )
    parser.add_argument("--rtc-bus", type=int, metavar="N", help="the I2C bus that it is on (default: the configuration's, 1)")
    add_board_arguments(parser.add_argument_group("the simulated board (--world sim)"), rtc=False)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except UsageError as e:
        raise argparse.ArgumentTypeError(str(e)) from None


def _one(name: str, args: argparse.Namespace) -> tuple[Measurement, int]:
    """The result of one world and the exit code that it asks for."""
    from gpstime.app.worlds import open_world
    from gpstime.drivers.leap_files import load

    try:
        opened = open_world(name, args)
    except UsageError:
        raise
    except DeviceError as e:
        other = "for a simulated board say --world sim, for a capture --world FILE; gpstime devices shows what this machine has"
        raise UsageError(f"this machine has no pulse to measure: {e} ({other})") from None
    except GpstimeError as e:
        return unreadable(name, e), 1
    live = LiveLine() if on_terminal() else None
    try:
        m = measure(
            opened.world,
            load(),
            name=name,
            not_before=opened.not_before,
            noise=args.noise,
            limit_s=args.limit_s,
            simulated=opened.simulated,
            progress=live,
            sinks=opened.sinks,
            trim_of=opened.trim_of,
            pulses=opened.pulses,
            endless=opened.machine is not None,
        )
    except GpstimeError as e:  # a disk that fails on the way
        return unreadable(name, e), 1
    finally:
        if live is not None:
            live.clear()
    # without pulses it is the RTC that was to be measured
    known = m.drift if opened.pulses or m.rtc is None else m.rtc.drift
    return m, 0 if known is not None else 1


def command(args: argparse.Namespace) -> int:
    """Exit code 0 if every world gave a frequency, 1 if one did not, be it that it could not be read at all."""
    worst = 0
    for name in args.world or [LIVE]:
        if name == "sim" and not args.json:
            print("SIMULATED: a made-up board, not a measurement of this machine.")
        m, code = _one(name, args)
        print(json.dumps(as_object(m)) if args.json else as_text(m), flush=True)
        if code:
            print(f"gpstime measure: {m.why if m.status == 'unreadable' else f'{name}: no frequency: {m.why}'}", file=sys.stderr)
        worst = max(worst, code)
        if m.interrupted:
            break
    return worst
