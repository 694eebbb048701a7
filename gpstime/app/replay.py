"""A run of the record through today's engine: what it finds, whether the run itself found the same, and when it was."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpstime.app.measure import Measurement, measure
from gpstime.core.engine import Engine
from gpstime.errors import UsageError
from gpstime.model import ClockStep, Event, Finding, Offset
from gpstime.store.capture import Mark
from gpstime.store.digest import Digest
from gpstime.store.ends import ends_of
from gpstime.store.placing import Placed, Placing, placing_of
from gpstime.store.runs import READS, Run, RunWorld, pick, runs
from gpstime.times import LeapTable, RawNs


@dataclass(frozen=True, slots=True)
class Compared:
    """Findings of the replay against those of the run. `word`: same; different (from the batch that ended at `since` on);
    incomplete (batches are missing, so that they can't agree); unknown (the run left nothing to compare with)."""

    word: str
    findings: int
    since: Placed | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """`first` and `last` are the run's first and last event, placed; `damage` counts what of the run could not be read."""

    run: int
    measurement: Measurement
    compared: Compared
    from_bytes: bool
    first: Placed | None
    last: Placed | None
    steps: tuple[tuple[RawNs, Placed | None, int], ...]
    damage: dict[str, int]
    notes: tuple[str, ...] = ()


class Comparison:
    """A sink that finds again what the marks of the run say was found."""

    def __init__(self) -> None:
        self._digest = Digest()
        self.first: RawNs | None = None
        self.last: RawNs | None = None
        self.differs_at: RawNs | None = None
        self.marks = 0
        self.steps: list[ClockStep] = []

    def __call__(self, value: Event | Finding) -> None:
        self._digest.add(value)
        if isinstance(value, ClockStep):
            self.steps.append(value)
        self.last = value.at if self.last is None or value.at > self.last else self.last
        self.first = value.at if self.first is None else self.first

    def on_mark(self, mark: Mark) -> None:
        self.marks += 1
        if self.differs_at is None and (mark.findings, mark.crc) != (self._digest.count, self._digest.crc):
            self.differs_at = mark.at

    def result(self, placing: Placing, whole: bool) -> Compared:
        if not self.marks or not self._digest.count:
            return Compared("unknown", self._digest.count)
        if self.differs_at is None:
            return Compared("same", self._digest.count)
        return Compared("different" if whole else "incomplete", self._digest.count, placing.at(self.differs_at))


def replay(
    run: Run,
    others: list[Run],
    leap: LeapTable,
    *,
    read: str = "auto",
    name: str = "",
    progress: Callable[[Offset, Engine], None] | None = None,
) -> Replay:
    """Run `run` again; `others` are the runs of the same record (a later one of the same boot may know when this one was)."""
    world = RunWorld(run, read)
    placing = placing_of(run, (ends_of(other) for other in others), leap)
    comparison = Comparison()
    world.on_mark = comparison.on_mark
    noise = run.head.get("noise")
    measured = measure(
        world,
        leap,
        name=name or f"run {run.number}",
        not_before=world.not_before,
        leap_held=world.leap_held,
        noise=noise if noise in ("auto", "white") else "auto",
        simulated=run.head.get("host") == "simulated",
        progress=progress,
        sinks=[comparison],
    )
    # the end of a run whose process was killed is torn; the marks say what came before it
    whole = not any(run.damage[word] for word in ("batch-lost", "damaged-batch", "unreadable")) and not measured.interrupted
    unkept = run.marks[-1].unkept if run.marks else 0
    notes = (f"{unkept} rejected sentences were counted and not kept, so they are missing here",) if unkept else ()
    return Replay(
        run.number,
        measured,
        comparison.result(placing, whole),
        world.from_bytes,
        None if comparison.first is None else placing.at(comparison.first),
        None if comparison.last is None else placing.at(comparison.last),
        tuple((step.at, placing.at(step.at), step.step_ns) for step in comparison.steps),
        dict(run.damage),
        notes,
    )


SHORT = 1 << 16
"""bytes: a run no longer than that is read as a whole by a list"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A run as a list shows it; `first` and `last` are None where nothing of its boot says when it was.

    `whole`: every batch was read. Otherwise only the ends of its files were: `batches` are those that were numbered, and damage
    between the ends is not seen."""

    run: int
    first: Placed | None
    last: Placed | None
    batches: int
    bytes: int
    raw_bytes: int
    has_bytes: bool
    damage: dict[str, int]
    board: Any
    whole: bool


def listing(found: list[Run], leap: LeapTable, *, verify: bool = False) -> list[Listed]:
    """Every run, with when it was; a long one by its ends, unless every batch shall be read (`verify`)."""
    ends = [ends_of(run) for run in found]
    out = []
    for run, seen in zip(found, ends, strict=True):
        whole = verify or sum(segment.size for segment in run.kept) <= SHORT
        placing = placing_of(run if whole else seen, ends, leap)
        last = run.marks[-1] if whole and run.marks else seen.marks[-1] if seen.marks else None
        out.append(
            Listed(
                run.number,
                None if seen.first is None else placing.at(seen.first),
                None if last is None else placing.at(last.at),
                len(run.marks) if whole else seen.batches,
                sum(segment.size for segment in run.kept),
                sum(segment.size for segment in run.raw),
                run.has_bytes() if whole else seen.has_bytes,
                dict(run.damage if whole else seen.damage),
                seen.head.get("board"),
                whole,
            )
        )
    return out


# ---- options that replay, export and import share -------------------------------------------------------------------------------


def add_record_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--record", metavar="FOLDER", help="the folder of the record (the service's own by default)")


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    add_record_argument(parser)
    parser.add_argument("--run", type=int, metavar="N", help="which run (the last by default; gpstime replay --list shows them)")
    parser.add_argument(
        "--read",
        choices=READS,
        default="auto",
        help="bytes: the receiver's raw bytes through the parser; epochs: what the run made of them, which is kept for good; "
        "auto: bytes where the ring still has all of them",
    )


def folder_of(args: argparse.Namespace) -> str:
    """The record meant: the one named, else the one of the service's configuration."""
    if args.record is not None:
        return str(args.record)
    from gpstime.app.config import load

    folder = load(None).record.folder
    if not folder:
        raise UsageError("the configuration says that no record is kept: name one with --record FOLDER")
    return folder


def chosen(args: argparse.Namespace) -> tuple[Run, list[Run], str]:
    """The run that the options mean, all runs, and the folder."""
    folder = folder_of(args)
    found = runs(folder)
    return pick(found, args.run, folder), found, folder
