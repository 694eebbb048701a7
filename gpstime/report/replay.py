"""`gpstime replay`: a run of the record again, as text and as JSON."""

from __future__ import annotations

import argparse
import json
from typing import Any

from gpstime.app.durations import say_duration
from gpstime.app.replay import Listed, Replay, add_run_arguments, chosen, folder_of, listing, replay
from gpstime.errors import UsageError
from gpstime.report.figures import say_time
from gpstime.report.live_line import LiveLine, on_terminal
from gpstime.report.measurement import as_object, as_text
from gpstime.store.placing import Placed
from gpstime.store.runs import runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser)
    parser.add_argument("--list", action="store_true", help="the runs of the record by the ends of their files, and end")
    parser.add_argument("--verify", action="store_true", help="with --list: read every batch, and say what is damaged (long)")
    parser.add_argument("--json", action="store_true", help="one JSON object (with --list one for each run)")


def _when(placed: Placed | None) -> dict[str, Any] | None:
    return None if placed is None else {"utc": placed.utc.iso(6), "err_ns": placed.err_ns, "how": placed.how}


def _said(placed: Placed | None) -> str:
    if placed is None:
        return "at a time that nothing of this boot tells"
    return f"{placed.utc.iso(3)} ± {say_time(placed.err_ns * 1e-9)}"


def object_of(r: Replay) -> dict[str, Any]:
    """The JSON object: that of `gpstime measure`, and what only a record knows."""
    return as_object(r.measurement) | {
        "run": r.run,
        "read": "bytes" if r.from_bytes else "epochs",
        "compared": r.compared.word,
        "findings": r.compared.findings,
        "differs_since": _when(r.compared.since),
        "first": _when(r.first),
        "last": _when(r.last),
        "clock_steps": [{"t": at, "step_ns": ns, "placed": _when(placed)} for at, placed, ns in r.steps],
        "damage": r.damage,
    }


_COMPARED = {
    "same": "all {n} findings are those of the run itself",
    "different": "the findings differ from those of the run itself{since}: another version of gpstime, or another leap table",
    "incomplete": "the findings differ from those of the run itself{since}, because parts of the record are missing",
    "unknown": "the run left no findings to compare with",
}
_DAMAGE = {
    "torn-tail": "the last write was cut: what came after the last whole batch is lost",
    "damaged-batch": "batches that can't be read",
    "batch-lost": "batches that no disk took",
    "batch-twice": "batches that were there twice, and were used once",
    "unreadable": "files that can't be read",
}


def text_of(r: Replay) -> str:
    """For people: the report of `gpstime measure`, and below it what only a record knows."""
    since = f" since {_said(r.compared.since)}" if r.compared.since else ""
    way = "the receiver's raw bytes" if r.from_bytes else "the epochs kept (the raw bytes are not all there, or were not asked for)"
    rows = [
        ("read from", way),
        ("compared", _COMPARED[r.compared.word].format(n=r.compared.findings, since=since)),
        ("began", _said(r.first)),
        ("ended", _said(r.last)),
    ]
    rows += [("clock step", f"{ns / 1e9:+.6f} s, {_said(placed)}") for _, placed, ns in r.steps[:10]]
    rows += [("", f"and {len(r.steps) - 10} more")] if len(r.steps) > 10 else []
    rows += [("damage", f"{n} {word}: {_DAMAGE[word]}") for word, n in sorted(r.damage.items()) if n]
    rows += [("note", note) for note in r.notes]
    return as_text(r.measurement) + "".join(f"\n  {name:<12}{text}" for name, text in rows)


def row_of(listed: Listed) -> str:
    """One line of `--list`."""
    lasted = ""
    if listed.first and listed.last:
        lasted = f", {say_duration(max((listed.last.utc.unix - listed.first.utc.unix) / 1e9, 0))}"
    when = _said(listed.first) if listed.first else "nothing of its boot says when it was"
    size = f"{listed.bytes / 1e6:.2f} MB" + (f" and {listed.raw_bytes / 1e6:.2f} MB of raw bytes" if listed.raw_bytes else "")
    damage = "".join(f"; {n} {word}" for word, n in sorted(listed.damage.items()) if n)
    return f"run {listed.run}: {when}{lasted}; {listed.batches} batches, {size}{damage}"


def listed_object(listed: Listed) -> dict[str, Any]:
    return {
        "run": listed.run,
        "first": _when(listed.first),
        "last": _when(listed.last),
        "batches": listed.batches,
        "bytes": listed.bytes,
        "raw_bytes": listed.raw_bytes,
        "has_bytes": listed.has_bytes,
        "damage": listed.damage,
        "board": listed.board,
        "whole": listed.whole,
    }


def command(args: argparse.Namespace) -> int:
    """0; 1 if the replay found something else than the run did, or nothing."""
    from gpstime.drivers.leap_files import load

    leap = load()
    if args.verify and not args.list:
        raise UsageError("--verify goes with --list: a replay reads every batch anyway, and says what is damaged")
    if args.list:
        for listed in listing(runs(folder_of(args)), leap, verify=args.verify):
            print(json.dumps(listed_object(listed)) if args.json else row_of(listed))
        return 0
    run, others, folder = chosen(args)
    live = LiveLine() if on_terminal() else None
    try:
        r = replay(run, others, leap, read=args.read, name=f"{folder}, run {run.number}", progress=live)
    finally:
        if live is not None:
            live.clear()
    print(json.dumps(object_of(r)) if args.json else text_of(r))
    return 0 if r.compared.word == "same" else 1
