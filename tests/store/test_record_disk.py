"""A real file system that is full or read-only. Needs root and a loop device; `test_record.py` does it with made-up errors."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest
from recording import LEAP, Values, again, last, own

from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.record import Record
from gpstime.store.recorded import lower_bound
from gpstime.store.trouble import State

_SPEC = importlib.util.spec_from_file_location("bench_card", Path(__file__).parent.parent / "bench" / "bench_card.py")
assert _SPEC is not None
assert _SPEC.loader is not None
bench_card = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(bench_card)


@pytest.fixture
def card():
    try:
        with bench_card.card(8) as (folder, _):
            yield folder
    except bench_card.NoDevice as e:
        pytest.skip(f"no file system of our own to fill: {e}")


def recording(folder: Path, at: dict[int, object]):
    """Ten minutes into a record; at event number n, `at[n]()` happens. The sentences told, and the values given."""
    world, values, told = SimWorld(Scenario(duration_s=600, seed=21)), Values(), []
    record = Record(folder, world.head, keep_free=0, told=told.append)
    count = 0
    states: list[State] = []

    def watch(value: object) -> None:
        nonlocal count
        if type(value).__name__ == "PpsEdge":
            count += 1
            if count in at:
                at[count]()
            states.append(record.state)

    run(world, Engine(LEAP, lower_bound(world.head)), [values, watch, record])
    record.close()
    return values, told, states, record


def test_a_full_disk(card):
    ballast = card / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\1" * 4096)
            except OSError:
                pass

    values, told, states, record = recording(card / "record", {150: fill, 400: ballast.unlink})
    assert states[140] is State.OK
    assert State.FULL in states[200:400]
    assert states[-1] is State.OK
    assert len(told) == 2
    assert "is full" in told[0]
    run_ = last(card / "record")
    assert again(run_, "auto").findings == values.findings
    assert own(again(run_, "auto").events) == own(values.events)
    assert record.facts["dropped"] == 0


def test_a_read_only_disk(card):
    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(card)], check=True)

    remount("ro")
    values, told, states, _ = recording(card / "record", {300: lambda: remount("rw")})
    assert states[0] is State.READ_ONLY
    assert states[-1] is State.OK
    assert "read-only" in told[0]
    assert "mount it for writing" in told[0]
    assert "again" in told[1]
    assert again(last(card / "record"), "auto").findings == values.findings


def test_raw_bytes_go_with_the_commit(card, monkeypatch):
    """The twin: without the push towards the device the journal is committed a second time for them."""
    with_push, _ = bench_card.measure(64 << 20, True, False)
    monkeypatch.setattr(os, "posix_fadvise", lambda *args: None)
    without, _ = bench_card.measure(64 << 20, True, False)
    assert with_push <= 150
    assert with_push < 0.9 * without
