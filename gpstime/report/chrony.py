"""`gpstime chrony`: lines for chrony.conf that fit the installed version and what was measured, and chronyc's flags in words."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import textwrap
from pathlib import Path

from gpstime.app.chrony import WAYS, Advice, advise, as_object, explained, measured_in, status_in, there_already, version_of
from gpstime.app.config import load
from gpstime.app.settings import AUTO, Config
from gpstime.app.status import ask_status
from gpstime.core.chrony_lines import LOCK_SINCE, Version
from gpstime.core.chrony_sources import FOLLOWED, Explained
from gpstime.core.chrony_table import in_words
from gpstime.drivers.chrony_conf import Refclock, refclocks
from gpstime.drivers.chrony_program import installed, sources
from gpstime.drivers.pps_sysfs import kernel_pulses, named
from gpstime.drivers.time_width import bits_for, program
from gpstime.errors import DeviceError, GpstimeError, UsageError

LARGEST = 1 << 20
"""Bytes of a file that are read: what chronyc or a service says is far smaller."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--via",
        choices=WAYS,
        default="sock",
        help="sock: gpstime sends labelled samples (default); shm: the same through shared memory; pps: chrony reads the pulse, "
        "gpsd the sentences",
    )
    parser.add_argument(
        "--sources",
        nargs="?",
        const="",
        metavar="FILE",
        help="no lines, only what chronyc's flags and columns mean; FILE or - holds what `chronyc sources` said elsewhere, "
        "with -c or without",
    )
    parser.add_argument("--chrony", metavar="VERSION", help="for this version, like 4.3 (default: the installed one's)")
    parser.add_argument(
        "--from", dest="saved", metavar="FILE", help="what gpstime status --json said (default: the service is asked)"
    )
    parser.add_argument("--device", metavar="PATH", help="--via pps: the pulse (default: the GPIO's, as sysfs names it)")
    parser.add_argument("--socket", metavar="PATH", help="the service's socket (default: what its configuration says)")
    parser.add_argument("--config", metavar="FILE", help="the service's configuration (default: its usual place)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _read(name: str) -> str:
    if name == "-":
        return sys.stdin.buffer.read(LARGEST).decode("utf-8", "replace")
    with Path(name).open("rb") as f:
        return f.read(LARGEST).decode("utf-8", "replace")


def _device(config: Config, given: str | None) -> str:
    if given:
        return given
    pulses = kernel_pulses()
    wanted = config.pulse.device
    fit = [p for p in pulses if p.kind in ("gpio", "serial")] if wanted == AUTO else named(wanted, pulses)
    if wanted.startswith("/dev/"):
        return wanted
    if not fit:
        raise UsageError("which pulse is chrony to read? None is seen here: name it with --device /dev/pps0")
    return f"/dev/{fit[0].node}"


def _bits(config: Config) -> int:
    return bits_for(program("chronyd")) if config.feeds.time_t == AUTO else int(config.feeds.time_t)


def _version(given: str | None) -> Version:
    if given is not None:
        return version_of(given)
    found = installed()
    return found.major, found.minor


def _status(args: argparse.Namespace, config: Config, notes: list[str]) -> dict[str, object]:
    """What the service measured. Where it does not run, lines that need nothing of it come with the doubt of what is not known."""
    if args.saved:
        return status_in(_read(args.saved), args.saved)
    try:
        return ask_status(args.socket or config.service.socket)
    except DeviceError as e:
        if args.via == "pps":
            raise
        notes.append(f"nothing is measured here, so these lines allow for more than they need: {e}")
        return {}


def _sources(asked: str | None, notes: list[str]) -> str:
    """What chronyc says; where only the lines were asked for, that it says nothing is a note."""
    if asked:
        return _read(asked)
    try:
        return sources()
    except DeviceError as e:
        if asked is not None:
            raise
        notes.append(str(e))
        return ""


def command(args: argparse.Namespace) -> int:
    """0: lines printed, or sources explained and one is followed; 1: sentences stray too far, or none is followed; 2: set-up."""
    config = load(args.config)
    notes: list[str] = []
    advice: Advice | None = None
    clocks: list[Refclock] = []
    status: dict[str, object] = {}
    if args.sources is None:
        status = _status(args, config, notes)
        version = _version(args.chrony)
        device = _device(config, args.device) if args.via == "pps" else ""
        advice = advise(args.via, version, config, measured_in(status), device, _bits(config))
        notes += advice.notes
        said = ""
        if not (args.saved or args.chrony):  # else it is for another machine
            clocks = refclocks()
            notes += there_already(clocks, args.via, config, device)
            said = _sources(None, notes)
    else:
        said = _sources(args.sources, notes)
        # a table from elsewhere comes from an unknown version: the limit of those since 4.1
        version = LOCK_SINCE if args.sources and args.chrony is None else _version(args.chrony)
        with contextlib.suppress(GpstimeError):
            status = {} if args.sources else ask_status(args.socket or config.service.socket)
    rows, unreadable = explained(said, version, status.get("feeds"))
    notes += [f"not a line of `chronyc sources`: {line}" for line in unreadable]
    if args.sources is not None and not rows:
        notes.append("chronyd has no sources at all: its configuration names none, or was not read")
    if args.json:
        print(json.dumps(as_object(advice, rows, notes, version, clocks)))
    else:
        _print(advice, rows, notes)
    if args.sources is not None:
        return 0 if any(row.source.state == FOLLOWED for row in rows) else 1
    return 0 if advice is None or advice.good else 1


def _print(advice: Advice | None, rows: list[Explained], notes: list[str]) -> None:
    """The lines as they go into a file; notes among them as comments, so that a redirected output stays a configuration."""
    if advice is not None:
        print("\n".join(advice.lines))
        for note in notes:
            print("\n".join(textwrap.wrap(note, 120, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)))
    for row in rows:
        name = f"{row.source.mode}{row.source.state or ' '} {row.source.name}"
        lead = "# " if advice is not None else ""
        for first, said in ((f"{name:<20} ", row.why), (" " * 21, in_words(row.source))):
            print("\n".join(textwrap.wrap(said, 110, initial_indent=lead + first, subsequent_indent=lead + " " * 21)))
    if advice is None:
        for note in notes:
            print(note)
