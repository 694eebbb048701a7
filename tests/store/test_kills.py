"""kill -9 at random moments: a bounded number of what `make kills` does, and faulty recorders that it must find."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench"


def kills(number: int, *first: str) -> subprocess.CompletedProcess[str]:
    """That many kills, after these lines of Python."""
    lines = ["import sys", f"sys.path.insert(0, {str(BENCH)!r})", *first, "import kill_record"]
    lines += [f"sys.argv[1:] = ['--kills', '{number}']", "sys.exit(kill_record.main())"]
    program = "\n".join(lines)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=240)


def test_killed_at_random_moments():
    done = kills(24)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "24 kills" in done.stdout


TWICE = """
from gpstime.store.record import Record
commit = Record.commit
def twice(self):
    kept = list(self._kept)
    commit(self)
    self._kept = kept
    commit(self)
Record.commit = twice
"""
LATE = """
from gpstime.store.writer import Writer
put, late = Writer.put, [(None, None)] * 4
def put_late(self, kept, raw=None):
    late.append((kept, raw))
    put(self, *late.pop(0))
Writer.put = put_late
"""
LOOSE = """
from gpstime.store import ends, runs
from gpstime.store.batches import Batch, batches
lines = [b'{"k":"note","t":1,"text":"?"}', b'{"k":"mark","t":1,"batch":999}']
def loose(data):
    return (found if isinstance(found, Batch) else Batch(found.start, lines) for found in batches(data))
runs.batches = loose
"""


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        pytest.param(TWICE, "what is kept is not the beginning of what was given", id="each batch under two numbers"),
        pytest.param(LATE, "s are lost", id="each batch waits for four others"),
        pytest.param(LOOSE, "what is kept is not the beginning of what was given", id="a torn end is taken for a batch"),
    ],
)
def test_a_recorder_that_is_wrong_is_found(fault, found):
    done = kills(12, fault)
    assert done.returncode == 1, done.stdout + done.stderr
    assert found in done.stdout
