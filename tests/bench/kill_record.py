"""kill -9 at the recorder, again and again: is every record readable, nothing doubled, no more lost than promised?

A child records a simulated run as fast as it can (so that it is killed inside of writes as well as between them), and notes in
shared memory how far it has come. After each kill the record is read back and held against what the child was given. The kernel
finishes a write that it has begun, so a kill alone leaves no half batch: after every second one the end of the newest file is cut
off as well, at a random byte, which is what a power cut does to data that was not synced yet.

    python tests/bench/kill_record.py --kills 1000
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import signal
import struct
import sys
import tempfile
import time
from pathlib import Path

from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.model import Event, Heard, SerialBytes
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.record import Record
from gpstime.store.runs import Run, RunWorld, runs
from gpstime.times import NS

COMMIT_S = 5.0
RING = 1 << 17
SLACK_S = 1.5
"""beyond the interval: the batch ends at the first event after it, and a receiver is silent for the better part of a second"""


def record(events: list[Event], head: dict[str, object], folder: Path, progress: mmap.mmap) -> None:
    sink = Record(folder, head, commit_s=COMMIT_S, ring_bytes=RING)
    engine = Engine(BUILT_IN.table)
    for n, event in enumerate(events, 1):
        sink(event)
        for finding in engine.on(event)[0]:
            sink(finding)
        progress[:8] = struct.pack("<q", n)
    sink.close()
    progress[8:16] = struct.pack("<q", 1)


def cut(run: Run, rng: random.Random) -> None:
    """What a power cut leaves: the newest file of the run without its last bytes."""
    newest = max(run.kept, key=lambda segment: segment.number)
    size = newest.path.stat().st_size
    with newest.path.open("r+b") as file:
        file.truncate(max(size - rng.randrange(1, 3000), 0))


def problems(events: list[Event], run: Run, given: int, closed: bool, was_cut: bool) -> tuple[list[str], float]:
    """What is wrong with a run, and how many seconds of it are lost."""
    wrong = []
    kept = list(RunWorld(run, "epochs").events())
    bad = {word: n for word, n in run.damage.items() if n and not (word == "torn-tail" and was_cut)}
    if bad:
        wrong.append(f"damage {bad}")
    own = [event for event in kept if not isinstance(event, Heard)]
    expected = [event for event in events[: given + 1] if not isinstance(event, SerialBytes)]
    if own != expected[: len(own)]:
        wrong.append("what is kept is not the beginning of what was given")
    if run.has_bytes():
        whole = list(RunWorld(run, "bytes").events())
        if whole != events[: len(whole)]:
            wrong.append("the bytes are not the beginning of what was given")
    last = own[-1].at if own else events[0].at
    lost_s = (events[given - 1].at - last) / NS if given else 0.0
    if lost_s > COMMIT_S + SLACK_S and not was_cut:
        wrong.append(f"{lost_s:.1f} s are lost")
    if closed and not was_cut and own != [event for event in events if not isinstance(event, SerialBytes)]:
        wrong.append("a run that ended by itself is not whole")
    return wrong, lost_s


def main() -> int:
    parser = argparse.ArgumentParser(description="kill -9 at the recorder at random moments")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    world = SimWorld(Scenario(duration_s=240, seed=3, tick_s=2))
    events = list(world.events())
    rng = random.Random(args.seed)
    worst, torn, unfinished, failed = 0.0, 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        child(events, world.head, Path(name) / "trial")
        lasts = time.perf_counter() - began
        folder = Path(name) / "record"
        before = 0
        for kill in range(args.kills):
            given, closed = child(events, world.head, folder, rng.uniform(0, 1.1 * lasts))
            unfinished += not closed
            found = runs(folder) if folder.is_dir() else []
            wrong, lost, was_cut = [], 0.0, bool(kill % 2)
            if len(found) > before:
                run = found[-1]
                if was_cut:
                    cut(run, rng)
                wrong, lost = problems(events, run, given, closed, was_cut)
                torn += run.damage["torn-tail"]
            elif given:
                wrong = ["no run"]
            before = len(found)
            worst = worst if was_cut else max(worst, lost)
            for sentence in wrong:
                failed += 1
                print(f"kill {kill}, after {given} events: {sentence}")
        for run in runs(folder):  # none was spoilt by a later one
            readable = list(RunWorld(run, "epochs").events())
            if readable and readable[0] != events[0]:
                failed += 1
                print(f"run {run.number} does not begin as it should")
    print(
        f"{args.kills} kills ({unfinished} before the run's end, {torn} torn ends): "
        f"{failed} problems; at most {worst:.2f} s lost, promised {COMMIT_S:g} s and the way to the next event"
    )
    return 1 if failed else 0


def child(events: list[Event], head: dict[str, object], folder: Path, kill_after_s: float | None = None) -> tuple[int, bool]:
    """One recorder, killed after that time; how many events it was given, and whether it had ended by itself."""
    progress = mmap.mmap(-1, 16)
    pid = os.fork()
    if not pid:
        status = 1
        try:
            record(events, head, folder, progress)
            status = 0
        finally:
            os._exit(status)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("the recorder itself failed")
    given, closed = struct.unpack("<qq", progress[:16])
    return given, bool(closed)


if __name__ == "__main__":
    sys.exit(main())
