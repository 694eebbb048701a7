"""`gpstime import`: open captures into a record, each as a run of its own, thought about on the way to place it in time."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from gpstime.app.replay import add_record_argument, folder_of
from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.errors import GpstimeError, UsageError
from gpstime.model import Event
from gpstime.store.record import Record
from gpstime.store.recorded import RecordedWorld
from gpstime.store.trouble import State
from gpstime.times import LeapTable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("captures", nargs="+", metavar="FILE", help="captures: plain, xz or zstd (- is stdin)")
    add_record_argument(parser)
    parser.add_argument("--raw-mb", type=int, default=1000, metavar="MB", help="raw bytes kept in the ring (1000 by default)")
    parser.add_argument("--json", action="store_true", help="one JSON object for each capture")


class _Counted:
    """A world whose events are counted."""

    def __init__(self, world: RecordedWorld) -> None:
        self._world = world
        self.events_seen = 0
        self.adjust, self.close = world.adjust, world.close

    def events(self) -> Iterator[Event]:
        for event in self._world.events():
            self.events_seen += 1
            yield event


def bring(name: str, folder: str, leap: LeapTable, ring_bytes: int) -> dict[str, object]:
    """One capture as a new run of the record. GpstimeError where it can't be read or nothing can be written."""
    world = RecordedWorld(sys.stdin.buffer, "stdin") if name == "-" else RecordedWorld(name)
    try:
        record = Record(folder, world.head | {"imported": name}, ring_bytes=ring_bytes)
        try:
            if record.state is not State.OK:
                raise UsageError(f"nothing imported: {record.trouble}")
            taken = _Counted(world)
            run(taken, Engine(leap, world.not_before), [record])
        finally:
            record.close()
    finally:
        world.close()
    facts = record.facts
    if record.state is not State.OK:
        raise UsageError(f"{name} is not wholly imported: {record.trouble}")
    return {"file": name, "record": folder, "run": facts["run"], "events": taken.events_seen, "skipped": dict(world.skipped)}


def command(args: argparse.Namespace) -> int:
    """0; 1 if a capture could not be read, the others having been imported."""
    from gpstime.drivers.leap_files import load

    folder, leap, worst = folder_of(args), load(), 0
    for name in args.captures:
        try:
            told = bring(name, folder, leap, args.raw_mb * 10**6)
        except UsageError:
            raise
        except GpstimeError as e:
            print(f"gpstime import: {' '.join(str(e).split())}", file=sys.stderr)
            worst = 1
            continue
        print(json.dumps(told) if args.json else f"{name}: {told['events']} events are run {told['run']} of {folder}")
    return worst
