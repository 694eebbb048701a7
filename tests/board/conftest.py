"""Tests on a board with a real kernel: the virtual Pi (`make test-board`), or a wired Pi (hw/rig/README.md). Else skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "hw" / "bench"
VIRTUAL = os.environ.get("GPSTIME_BOARD", "")
WIRED = bool(os.environ.get("GPSTIME_TEST_PPS"))
sys.path.insert(0, str(BENCH))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here not in item.path.parents:
            continue
        marks = {m.name for m in item.iter_markers()}
        if not (VIRTUAL or WIRED):
            item.add_marker(
                pytest.mark.skip(reason="needs a board: make test-board (virtual Pi), or hw/rig/README.md (a wired one)")
            )
        elif "travel" in marks and VIRTUAL != "travel":
            item.add_marker(pytest.mark.skip(reason="accuracy is judged in time travel only"))
        elif "real" in marks and VIRTUAL == "travel":
            item.add_marker(pytest.mark.skip(reason="blocking and timeouts are judged in real time"))
        elif "virtual" in marks and not VIRTUAL:
            item.add_marker(pytest.mark.skip(reason="only the virtual Pi can be wired from a test"))


@pytest.fixture
def board() -> Iterator[Any]:
    """The wiring of the virtual Pi; whatever a test started, ends."""
    from board import Board

    wiring = Board()
    yield wiring
    wiring.close()


Command = Callable[..., list[str]]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command line as a user types it, with a configuration of this test's own."""

    def words_of(*words: str, configuration: str = "") -> list[str]:
        line = [sys.executable, "-m", "gpstime", *words]
        if configuration:
            file = tmp_path / "gpstime.toml"
            file.write_text(configuration)
            line += ["--config", str(file)]
        return line

    return words_of


@pytest.fixture
def gpstime(command: Command) -> Any:
    """Run it to its end."""

    def call(*words: str, configuration: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(*words, configuration=configuration), capture_output=True, text=True, check=False)

    return call


@pytest.fixture
def started(command: Command) -> Iterator[Any]:
    """Start it; it ends with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(*words: str, configuration: str = "") -> subprocess.Popen[str]:
        line = command(*words, configuration=configuration)
        running.append(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()
