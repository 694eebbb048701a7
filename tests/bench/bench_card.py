"""What a record costs an SD card: bytes written to a device, by the device's own counter of sectors.

The record lies on an ext4 of its own in a loop-mounted file (needs root, losetup and mount; skipped with a reason elsewhere).
Three runs of ten minutes each: one row a second and raw bytes off, a whole receiver's output and raw bytes off, and the same with
the ring of raw bytes on, all with the default commit every 60 s. Seconds of the runs are virtual: what ext4 writes is decided by
commits and not by what lies between them, except for the work that it puts off, which `syncfs` forces after each commit. `--real`
waits out the minutes instead: the figures agree to a few per cent.

Limits: 60 MB a day with raw bytes off, 150 MB a day with the ring on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.model import PpsEdge
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.record import Record
from gpstime.store.runs import RunWorld, runs

MINUTES = 10
SECTOR = 512


class NoDevice(Exception):
    """This machine lets us mount nothing."""


def _call(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise NoDevice(f"{command[0]}: {e}") from e
    if done.returncode:
        raise NoDevice(f"{' '.join(command[:2])}: {' '.join(done.stderr.split())}")
    return done.stdout.strip()


@contextmanager
def card(megabytes: int = 512) -> Iterator[tuple[Path, Callable[[], int]]]:
    """A fresh ext4, and a function that says how many bytes its device has been given to write since it was made."""
    if os.geteuid():
        raise NoDevice("mounting needs root")
    with tempfile.TemporaryDirectory() as name:
        image, mountpoint = Path(name) / "card", Path(name) / "mounted"
        mountpoint.mkdir()
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        _call("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
        device = _call("losetup", "--find", "--show", str(image))
        try:
            _call("mount", "-o", "noatime", device, str(mountpoint))
            try:
                counter = Path("/sys/block") / Path(device).name / "stat"

                def written() -> int:
                    return int(counter.read_text().split()[6]) * SECTOR

                yield mountpoint, written
            finally:
                _call("umount", str(mountpoint))
        finally:
            _call("losetup", "-d", device)


def measure(ring_bytes: int, whole: bool, real: bool) -> tuple[float, float]:
    """(MB a day written to the device, MB a day of the files) with commits every 60 s."""
    with card() as (folder, written):
        world = SimWorld(Scenario(duration_s=MINUTES * 60 + 61, seed=5))
        record = Record(folder / "record", world.head, ring_bytes=ring_bytes)
        engine = Engine(BUILT_IN.table)
        os.sync()
        before, size_before, last = written(), record.facts["written_bytes"], record.facts["written_bytes"]
        first = None
        for event in world.events():
            if not whole and not isinstance(event, PpsEdge):
                continue
            if real:
                now = time.monotonic()
                first = now - event.at * 1e-9 if first is None else first
                time.sleep(max(first + event.at * 1e-9 - now, 0))
            record(event)
            for finding in engine.on(event)[0]:
                record(finding)
            if record.facts["written_bytes"] != last:
                last = record.facts["written_bytes"]
                if not real:
                    _syncfs(folder)
        assert record.state.value == "ok", record.why
        _syncfs(folder)
        device, files = written() - before, last - size_before
        record.close()
        run = runs(folder / "record")[-1]
        commits = len(run.marks) - 1  # that of close() came after the counter was read
        assert MINUTES <= commits <= MINUTES + 1, commits
        assert sum(isinstance(e, PpsEdge) for e in RunWorld(run, "epochs").events()) >= MINUTES * 60
    days = commits / (24 * 60)
    return device / days / 1e6, files / days / 1e6


def _syncfs(folder: Path) -> None:
    subprocess.run(["sync", "-f", str(folder)], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="what a record writes to its device in a day")
    parser.add_argument("--real", action="store_true", help="wait out the minutes (twenty of them)")
    parser.add_argument("--case", type=int, choices=(0, 1, 2), help="only this one of the three")
    args = parser.parse_args()
    from figures import say  # late: tests take `card` from here

    met = True
    cases = (
        ("one row a second, raw bytes off", 0, False, 60),
        ("pulse, epochs and clocks of a whole receiver, raw bytes off", 0, True, None),
        ("the same with the ring of raw bytes on", 64 << 20, True, 150),
    )
    for what, ring_bytes, whole, limit in cases if args.case is None else [cases[args.case]]:
        try:
            device, files = measure(ring_bytes, whole, args.real)
        except NoDevice as e:
            print(f"skipped: no ext4 of our own to write to ({e})")
            say("written to the card a day", "not to be had", "60 to 150 MB")
            return 0
        said = "" if limit is None else f", limit {limit}: {'met' if device <= limit else 'MISSED'}"
        met = met and (limit is None or device <= limit)
        say(
            f"to the card a day: {what}",
            f"{device:.0f} MB",
            "" if limit is None else f"{limit} MB",
            ok=limit is None or device <= limit,
        )
        print(f"{what:62} {device:6.1f} MB a day to the device, {files:5.2f} of it the record's own{said}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
