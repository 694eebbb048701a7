"""Tests on a board with a real kernel: the virtual Pi (`make test-board`), or a wired Pi (hw/rig/README.md). Else skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "hw" / "bench"
VIRTUAL = os.environ.get("GPSTIME_BOARD", "")
WIRED = "GPSTIME_TEST_PPS" in os.environ
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


@pytest.fixture
def gpstime(tmp_path: Path) -> Any:
    """Run the command line as a user would, with a configuration of this test's own."""

    def call(*words: str, configuration: str = "") -> subprocess.CompletedProcess[str]:
        file = tmp_path / "gpstime.toml"
        file.write_text(configuration)
        command = [sys.executable, "-m", "gpstime", words[0], "--config", str(file), *words[1:]]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return call
