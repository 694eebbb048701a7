"""Replays of damaged runs: nothing raised, what is there is in order and once, and nobody is told that nothing is missing."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
from recording import LEAP, own, recorded

from gpstime.app.replay import listing, replay
from gpstime.errors import UsageError
from gpstime.model import SerialBytes
from gpstime.report.replay import listed_object, object_of, row_of, text_of
from gpstime.sim.scenario import Scenario
from gpstime.store.batches import pack
from gpstime.store.runs import RunWorld, runs

SCENARIO = Scenario(duration_s=150, seed=3, faults=("bit-errors", "system-step:at=70s,step=18s"))


def hurt(folder: Path, rng: random.Random) -> str:
    path = rng.choice(sorted(folder.glob("run-*")))
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data) + 1)
    how = rng.choice(("flip", "cut", "cut off in front", "doubled", "inserted", "zeros", "removed"))
    if how == "flip" and data:
        data[min(at, len(data) - 1)] ^= 1 << rng.randrange(8)
    elif how == "cut":
        del data[at:]
    elif how == "cut off in front":
        del data[:at]
    elif how == "doubled":
        data += bytes(data)
    elif how == "inserted":
        data[at:at] = rng.randbytes(rng.randrange(1, 3000))
    elif how == "zeros":
        data[at : at + 512] = bytes(len(data[at : at + 512]))
    path.write_bytes(data)
    if how == "removed":
        path.unlink()
    return f"{path.name} {how} at {at}"


@pytest.fixture
def several_files(monkeypatch):
    monkeypatch.setattr("gpstime.store.writer.SEGMENT", 1500)
    monkeypatch.setattr("gpstime.app.replay.SHORT", 0)


def test_a_damaged_run_is_read_as_far_as_it_goes(tmp_path, several_files):
    values, _ = recorded(tmp_path / "whole", SCENARIO, ring_bytes=1 << 24, commit_s=10)
    events = own(values.events)
    place = {id(event): n for n, event in enumerate(events)}
    by_line = {repr(event): place[id(event)] for event in events}
    assert len(by_line) == len(events)
    rng, words = random.Random(51), set()
    for _ in range(40):
        folder = tmp_path / "hurt"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", folder)
        what = [hurt(folder, rng) for _ in range(rng.choice((1, 1, 3)))]
        found = runs(folder)
        for verify in (False, True):
            for listed in listing(found, LEAP, verify=verify):
                row_of(listed)
                json.dumps(listed_object(listed))
        for run in found:
            seen = [by_line[repr(event)] for event in own(RunWorld(run, "epochs").events())]
            assert seen == sorted(set(seen)), what
            r = replay(run, found, LEAP)
            words.add(r.compared.word)
            text_of(r)
            json.dumps(object_of(r))
            if seen != list(range(len(seen))):  # something is missing that is not the end
                assert r.damage, what
                assert r.compared.word in ("incomplete", "unknown"), what
            else:
                assert r.compared.word in ("same", "unknown"), what
            if run.has_bytes():
                chunks = [event for event in RunWorld(run, "bytes").events() if isinstance(event, SerialBytes)]
                assert chunks == [event for event in values.events if isinstance(event, SerialBytes)][: len(chunks)], what
    assert {"same", "incomplete"} <= words


def test_a_ring_that_holds_something_else_is_no_ring(tmp_path):
    """A file of that name with lines that are no chunks: not used, not counted as the bytes, and nothing raised."""
    recorded(tmp_path, SCENARIO, ring_bytes=1 << 24)
    (run,) = runs(tmp_path)
    assert run.has_bytes()
    path = run.raw[0].path
    note = '{"k":"note","t":1,"text":"x"}'
    for other in ([note], ['{"k":"serial","t":1,"hex":"00"}'], ['{"k":"serial","t":1,"hex":"00","i":true}']):
        path.write_bytes(b"".join(pack([*other, f'{{"k":"mark","t":1,"batch":{n},"chunks":{n}}}']) for n in range(1, 5)))
        (run,) = runs(tmp_path)
        assert not run.has_bytes()
        with pytest.raises(UsageError, match="forgotten"):
            RunWorld(run, "bytes")
        assert replay(run, [run], LEAP).compared.word == "same"
