"""`gpstime devices`: what this board has, what each thing is, and what to change in which file, as text or JSON."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

from gpstime.app.advice import advice
from gpstime.app.advice_serial import Advice
from gpstime.app.devices import as_object, look
from gpstime.app.durations import parse_duration
from gpstime.drivers.inventory import HEADER_CHIPS, Inventory, PulseDevice, SerialPort, lateness
from gpstime.drivers.timebase import MachineTime
from gpstime.errors import UsageError

_WIDTH = 118
_INDENT = " " * 14


def _watch(text: str) -> float:
    try:
        return 0.0 if text.strip() in ("0", "0s") else parse_duration(text)
    except UsageError as e:
        raise argparse.ArgumentTypeError(str(e)) from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--json", action="store_true", help="one JSON object")
    add("--watch", type=_watch, default=2.5, metavar="TIME", help="at most so long for a pulse to come (default 2.5s, 0: not)")
    add("--root", type=Path, default=Path("/"), metavar="FOLDER", help="the top of the file system to look at")


def command(args: argparse.Namespace) -> int:
    """Exit code 0: the list is what was asked for, whatever is on it; 2 for a root that is no folder."""
    if not args.root.is_dir():
        raise UsageError(f"{args.root} is no folder: --root takes the top of a file system")
    # another system's files do not change while they are watched
    found = look(args.root, MachineTime(), args.watch if args.root == Path("/") else 0)
    print(json.dumps(as_object(found)) if args.json else text(found), end="\n" if args.json else "")
    return 0


def text(found: Inventory) -> str:
    """The whole report."""
    lines: list[str] = []
    for heading, rows in (
        ("board", [found.model or "not a Raspberry Pi, or its device tree is not readable", *_kernel(found)]),
        ("serial", [_serial(p, found) for p in found.serial] or ["no serial port"]),
        ("pulse", [_pulse(p, found) for p in found.pulses] or ["the kernel stamps no pulse"]),
        ("GPIO", [_chip(c.path, c.label, c.lines) for c in found.chips] or ["no GPIO chip"]),
        ("I2C", [f"{b.path}  {b.name}{'; ' if b.devices else ''}{', '.join(b.devices)}" for b in found.i2c] or ["no bus"]),
        ("clocks", [_clock(found), *found.rtcs]),
        ("steers", [f"{s.name} (pid {s.pid})" for s in found.steerers] or ["nobody steers the system clock"]),
    ):
        for number, row in enumerate(rows):
            lines += textwrap.wrap(
                row, _WIDTH, initial_indent="  " + ("" if number else heading).ljust(12), subsequent_indent=_INDENT
            )
    told = advice(found)
    lines += ["", *(line for one in told for line in _advice(one))] if told else ["", "Nothing to change."]
    return "\n".join(lines) + "\n"


def _kernel(found: Inventory) -> list[str]:
    config = f", boot files {found.boot.config}" if found.boot.config else ""
    return [f"Linux {found.kernel}{config}"] if found.kernel else []


def _serial(port: SerialPort, found: Inventory) -> str:
    alias = " = /dev/serial0" if port.path == found.header_port else ""
    held = "; ".join(f"{'open by' if h.sure else 'in use by'} {h.command} (pid {h.pid})" for h in port.holders)
    words = [f"{port.path}{alias}  {port.what}", port.link, held or "free", "" if port.allowed else "not allowed for this user"]
    return "; ".join(word for word in words if word)


def _clock(found: Inventory) -> str:
    state = found.condition
    words = [
        f"clocksource {found.clocksource or 'unknown'}" + (f" ({found.counter})" if found.counter else ""),
        "" if state.celsius is None else f"{state.celsius:.1f} C ({state.sensor})",
        f"governor {state.governor}" if state.governor else "",
    ]
    return "; ".join(word for word in words if word)


def _pulse(pulse: PulseDevice, found: Inventory) -> str:
    ticks = {True: "ticking", False: "not ticking", None: "not watched"}[pulse.ticking]
    right = "" if pulse.allowed or not pulse.from_gps else "; not allowed for this user"
    late = lateness(found.model, pulse)
    told = f"; stamps about {late.late_ns / 1000:g} us late, give or take {late.doubt_ns / 1000:g}" if late else ""
    return f"{pulse.kernel.what}; {ticks}{right}{told}"


def _chip(path: str, label: str, lines: int | None) -> str:
    known = HEADER_CHIPS.get(label)
    count = f", {lines} lines" if lines is not None else ""
    return f"{path}  {label or 'no label'}{count}" + (f"; the 40-pin header, {known}" if known else "")


def _advice(one: Advice) -> Iterator[str]:
    mark = "WRONG" if one.weight == "wrong" else "HINT"
    yield from textwrap.wrap(f"{mark}  {one.what}", _WIDTH, subsequent_indent=" " * 7)
    for verb, words in (("take out", one.remove), ("add", one.add)):
        if words:
            yield f"       {verb} in {one.file}:"
            yield from (f"           {word}" for word in words)
    yield from (f"       run: {command}" for command in one.run)
    if one.then:
        yield from textwrap.wrap(f"then {one.then}.", _WIDTH, initial_indent=" " * 7, subsequent_indent=" " * 7)
