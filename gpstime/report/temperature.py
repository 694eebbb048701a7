"""`gpstime temperature`: the command and its report."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from gpstime.app.durations import parse_duration, say_duration
from gpstime.app.temperature import Learned, Sensor, learn
from gpstime.core import tempcomp
from gpstime.errors import DeviceError, UsageError

LIVE = "live"
ZONE = "/sys/class/thermal/thermal_zone0/temp"
TOO_MUCH = f"it would have to make up for more than {tempcomp.MOST_PPM:g} ppm, which chronyd ignores"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from gpstime.app.board import add_board_arguments

    parser.add_argument(
        "--world", default=LIVE, metavar="live|sim|FILE", help="this machine (the default), a simulated board, or a capture"
    )
    parser.add_argument(
        "--for", dest="limit_s", type=_duration, metavar="TIME", help="this long: 10h, 2d (default: until told; sim: 1d)"
    )
    parser.add_argument("--points", metavar="FILE", help="write the points file for chrony's tempcomp")
    parser.add_argument(
        "--zone", metavar="FILE", help=f"what chronyd is to read the temperature from (default: the sensor's own; {ZONE})"
    )
    parser.add_argument("--config", metavar="FILE", help="this machine's devices (default: /etc/gpstime.toml, if there)")
    parser.add_argument("--source", choices=("serial", "gpsd", "none"), help="where this machine's sentences come from")
    parser.add_argument("--json", action="store_true", help="one JSON object, and nothing else on stdout")
    add_board_arguments(parser.add_argument_group("the simulated board (--world sim)"), rtc=False)
    parser.set_defaults(rtc=None, rtc_bus=None)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except UsageError as e:
        raise argparse.ArgumentTypeError(str(e)) from None


def command(args: argparse.Namespace) -> int:
    """Exit code 0 if a model was found that helps, 1 if not."""
    from gpstime.app.board import TEMPERATURE_S
    from gpstime.app.worlds import made_up, open_world
    from gpstime.drivers.leap_files import load

    if args.world == "sim" and args.limit_s is None:
        args.limit_s = 86_400.0
    args.temperature_s = TEMPERATURE_S
    if args.points is not None and not os.access(Path(args.points).absolute().parent, os.W_OK | os.X_OK):
        raise UsageError(f"{args.points}: the points can't be written there")  # before days are spent
    try:
        opened = open_world(args.world, args)
    except DeviceError as e:
        raise UsageError(f"this machine has no pulse to learn from: {e} (for a simulated board say --world sim)") from None
    if not args.json and made_up(opened):
        print("SIMULATED: a made-up board.", flush=True)
    learned = learn(opened, load(), args.world, args.limit_s)
    zone = args.zone or _zone(learned, args.world == LIVE)
    points = _points(learned, args.points)
    print(json.dumps(as_object(learned, zone, points)) if args.json else as_text(learned, zone, points), flush=True)
    if args.points is not None and learned.best is not None and points is None:
        print(f"gpstime temperature: {args.points} was not written: {TOO_MUCH}", file=sys.stderr)
    if learned.best is None:
        print(f"gpstime temperature: {_why(learned)}", file=sys.stderr)
    return 0 if learned.best is not None else 1


def _zone(learned: Learned, live: bool) -> str | None:
    """The file of the best sensor; None where no file of this machine is known to hold it."""
    if not live or learned.best is None:
        return ZONE
    from gpstime.drivers.board import zone_file

    return zone_file(learned.best.name)


def _points(learned: Learned, file: str | None) -> str | None:
    """Written, if there is something to write that chronyd takes; the name."""
    if file is None or learned.best is None or learned.best.model is None:
        return None
    try:
        text = tempcomp.write(tempcomp.points(learned.best.model))
    except UsageError:
        return None
    with open(file, "w", encoding="ascii") as out:
        out.write(text)
    return file


def _why(learned: Learned) -> str:
    if not learned.readings:
        return "no temperature was read: nothing can be learned of it"
    if not any(sensor.model for sensor in learned.sensors):
        return "too little was seen: four hours with pulses, and a temperature that moves by half a degree, are the least"
    return "no model predicts the frequency better than none: do not use tempcomp on this board"


def as_text(learned: Learned, zone: str | None, points: str | None) -> str:
    lines = [("seen", f"{learned.pulses} pulses, {learned.readings} temperatures")]
    lines += [(sensor.name, _say(sensor)) for sensor in learned.sensors]
    best = learned.best
    if best is not None and zone is None:
        lines.append(("no file", f"of this machine is known to hold the temperature of {best.name}: name it with --zone"))
    elif zone is not None and best is not None and best.model is not None:
        lines.append(("chrony.conf", tempcomp.line(best.model, zone)))
        if points is not None:
            lines.append(("or", f"tempcomp {zone} {tempcomp.INTERVAL_S} {points}"))
        lines.append(("", f"where {zone} is the sensor {best.name}"))
        if any(abs(ppm) > tempcomp.MOST_PPM for _, ppm in tempcomp.points(best.model)):
            lines.append(("", TOO_MUCH))
    else:
        lines.append(("no model", _why(learned)))
    return "\n".join(f"  {name:12} {text}" for name, text in lines)


def _say(sensor: Sensor) -> str:
    m, seen = sensor.model, f"{sensor.low_c:.1f} to {sensor.high_c:.1f} C in {say_duration(300.0 * sensor.blocks)}"
    if m is None:
        return f"{seen}: too little to fit"
    bend = f" {m.ppb_per_c2:+.2f} ppb/C^2 (turnover at {m.turnover_c:.0f} C)" if m.turnover_c is not None else ""
    verdict = "used" if m.helps else "not used"
    gain = f"takes away {100 * m.gain:.0f} ± {100 * m.gain_err:.0f} % of the variance of changes that it has not seen"
    return f"{seen}: {m.ppb_per_c:+.1f} ppb/C at {m.reference_c:.1f} C{bend}; {gain}: {verdict}"


def as_object(learned: Learned, zone: str | None, points: str | None) -> dict[str, object]:
    """Keys are documented in docs/json.md."""
    best = learned.best
    return {
        "world": learned.world,
        "simulated": learned.simulated,
        "pulses": learned.pulses,
        "readings": learned.readings,
        "sensors": [_sensor(sensor) for sensor in learned.sensors],
        "best": None if best is None else best.name,
        "tempcomp": None if best is None or best.model is None or zone is None else tempcomp.line(best.model, zone),
        "points": points,
        "interrupted": learned.interrupted,
    }


def _sensor(sensor: Sensor) -> dict[str, object]:
    m = sensor.model
    return {
        "sensor": sensor.name,
        "blocks": sensor.blocks,
        "low_c": round(sensor.low_c, 3),
        "high_c": round(sensor.high_c, 3),
        "reference_c": None if m is None else round(m.reference_c, 3),
        "ppb_per_c": None if m is None else round(m.ppb_per_c, 4),
        "ppb_per_c2": None if m is None else round(m.ppb_per_c2, 5),
        "turnover_c": None if m is None or m.turnover_c is None else round(m.turnover_c, 2),
        "gain": None if m is None else round(m.gain, 4),
        "gain_err": None if m is None else round(m.gain_err, 4),
        "helps": m is not None and m.helps,
    }
