"""`gpstime export`: a run of the record, or a part of it, as an open capture that any tool reads."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys

from gpstime.app.replay import add_run_arguments, chosen
from gpstime.app.written import written
from gpstime.errors import UsageError
from gpstime.store.capture import encode, encode_head
from gpstime.store.ends import ends_of
from gpstime.store.placing import placing_of
from gpstime.store.runs import Run, RunWorld
from gpstime.times import LeapTable, RawNs, UtcTime


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", metavar="OUT", help="the capture: *.jsonl, *.jsonl.xz, *.jsonl.zst, or - for stdout")
    add_run_arguments(parser)
    parser.add_argument("--since", type=_utc, metavar="UTC", help="from this time on, e.g. 2026-03-01T12:00:00Z")
    parser.add_argument("--until", type=_utc, metavar="UTC", help="up to this time")
    parser.add_argument("--json", action="store_true", help="what was written as one JSON object (on stderr if OUT is -)")


def _utc(text: str) -> UtcTime:
    try:
        return UtcTime.parse(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(str(e)) from None


def part(run: Run, others: list[Run], leap: LeapTable, since: UtcTime | None, until: UtcTime | None) -> list[RawNs | None]:
    """The two times on the run's raw clock. UsageError where nothing of its boot says when that was."""
    if since is None and until is None:
        return [None, None]
    placing = placing_of(run, (ends_of(other) for other in others), leap)
    if not len(placing):
        raise UsageError(f"nothing of the boot of run {run.number} says when it was, so it can't be cut by UTC: export all of it")
    return [None if utc is None else placing.raw(utc) for utc in (since, until)]


def _not_into(out: str, found: list[Run]) -> None:
    """UsageError if the capture would be written over a file of the record, which is what it is read from."""
    if out == "-" or not os.path.exists(out):
        return
    for run in found:
        for segment in (*run.kept, *run.raw):
            with contextlib.suppress(FileNotFoundError):
                if os.path.samefile(out, segment.path):
                    raise UsageError(f"{out} is a file of the record itself: name another")


def command(args: argparse.Namespace) -> int:
    """Write the capture; 0, or 1 if there was not one event to write."""
    from gpstime.drivers.leap_files import load

    run, others, folder = chosen(args)
    since, until = part(run, others, load(), args.since, args.until)
    world = RunWorld(run, args.read, since, until)
    head = {key: value for key, value in world.head.items() if key not in ("run", "segment")}
    _not_into(args.out, others)
    events = 0
    try:
        with written(args.out) as out:
            out.write(encode_head(**head) + "\n")
            for event in world.events():
                out.write(encode(event) + "\n")
                events += 1
            out.flush()
    except BrokenPipeError:
        raise
    except OSError as e:
        name = "to the output" if args.out == "-" else args.out
        raise UsageError(f"can't write {name}: {e.strerror or e}; name another file or make room") from e
    told = {"file": args.out, "record": folder, "run": run.number, "read": "bytes" if world.from_bytes else "epochs"}
    told |= {"events": events, "damage": dict(run.damage)}
    way = "with the receiver's raw bytes" if world.from_bytes else "with epochs in place of the receiver's bytes"
    sentence = f"{args.out}: {events} events of run {run.number}, {way}"
    print(json.dumps(told) if args.json else sentence, file=sys.stderr if args.out == "-" else sys.stdout)
    return 0 if events else 1
