"""How long `gpstime replay --list` takes on a year's record, which is a thousand million bytes of batches and more.

A day of an ordinary run is packed once, from a simulation; a year is that day's files again and again, with batches of their own at
both ends and a hole between them (the list does not look there, and what it would cost to look is measured on one whole file).

Limit: 2 s.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from gpstime.app.replay import listing
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.batches import batches, pack
from gpstime.store.capture import Mark, decode, encode_head, encode_mark
from gpstime.store.record import Record
from gpstime.store.runs import Run, runs
from gpstime.store.writer import SEGMENT
from gpstime.times import NS, RawNs, UtcTime

LIMIT_S = 2.0
BATCHES = 365 * 1440
AT_AN_END = 16
"""batches that are really there: more than the list reads"""


def minutes(folder: Path) -> list[list[str]]:
    """The lines of some ordinary minutes, and the end of each."""
    world, engine = SimWorld(Scenario(duration_s=AT_AN_END * 61 + 61, seed=41)), Engine(BUILT_IN.table)
    record = Record(folder, world.head)
    for event in world.events():
        record(event)
        for finding in engine.on(event)[0]:
            record(finding)
    record.close()
    (run,) = runs(folder)
    return [[line.decode() for line in batch.lines] for batch in batches(run.kept[0].path.read_bytes())][1:]  # type: ignore[union-attr]


def numbered(lines: list[str], batch: int, minute_ns: int) -> bytes:
    """That minute as the batch of this number."""
    mark = decode(lines[-1].encode())
    assert isinstance(mark, Mark)
    assert mark.anchor is not None
    at, utc = mark.anchor
    later = (batch - mark.batch) * minute_ns
    moved = UtcTime.from_unix(utc.unix + later)
    return pack(
        [*lines[:-1], encode_mark(replace(mark, at=RawNs(mark.at + later), batch=batch, anchor=(RawNs(at + later), moved)))]
    )


def year(folder: Path, of: list[list[str]]) -> None:
    per_file = round(SEGMENT / len(numbered(of[-1], 100, 60 * NS)))
    for number, first in enumerate(range(1, BATCHES + 1, per_file), 1):
        last = min(first + per_file - 1, BATCHES)
        with (folder / f"run-000002-{number:04}.jsonl.xz").open("wb") as file:
            file.write(pack([encode_head(board="a Pi of a year", boot="a", run=2, segment=number)]))
            for batch in range(first, min(first + AT_AN_END, last + 1)):
                file.write(numbered(of[batch % len(of)] if batch > 2 else of[batch - 1], batch, 60 * NS))
            end = b"".join(numbered(of[batch % len(of)], batch, 60 * NS) for batch in range(last - AT_AN_END + 1, last + 1))
            os.truncate(file.fileno(), SEGMENT)
            file.seek(SEGMENT - len(end))
            file.write(end)


def whole(folder: Path, of: list[list[str]]) -> Run:
    """One file in which every batch is there."""
    folder.mkdir()
    packed = [numbered(of[-1], batch, 60 * NS) for batch in range(1, 201)]
    (folder / "run-000001-0001.jsonl.xz").write_bytes(pack([encode_head()]) + b"".join(packed))
    return runs(folder)[0]


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        of = [lines for lines in minutes(Path(name) / "some")[:-1] if '"utc"' in lines[-1]]  # the last is no whole minute
        record = Path(name) / "record"
        record.mkdir()
        year(record, of)
        began = time.perf_counter()
        (listed,) = listing(runs(record), BUILT_IN.table)
        took = time.perf_counter() - began
        assert listed.batches == BATCHES, listed
        assert listed.first is not None
        assert listed.last is not None
        days = (listed.last.utc.unix - listed.first.utc.unix) / NS / 86_400
        assert abs(days - 365) < 0.01, listed
        files = len(runs(record)[0].kept)
        run = whole(Path(name) / "whole", of)
        began = time.perf_counter()
        assert len(run.marks) == 200
        all_s = (time.perf_counter() - began) / 200 * BATCHES
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"list of a year ({BATCHES} batches in {files} files): {took * 1000:.0f} ms by the ends, limit {LIMIT_S:g} s: "
        f"{'met' if took <= LIMIT_S else 'MISSED'}; every batch (--verify) would take {all_s / 60:.1f} min; peak {peak:.0f} MB"
    )
    return 0 if took <= LIMIT_S else 1


if __name__ == "__main__":
    sys.exit(main())
