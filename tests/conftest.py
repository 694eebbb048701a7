"""What all tests share: the way to the recordings beside the project, and the count of the tests that read them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"

# Seeded, so that two runs of one tree agree (`make fuzz` is the place for new inputs); no deadline: a busy machine is no failure.
settings.register_profile("house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

_reads_shared: set[str] = set()
_outcomes: dict[str, str] = {}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recordings and reference values; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no shared recordings: expected ../shared/data beside the project")
    return SHARED_DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()) or item.get_closest_marker("shared_data"):
            _reads_shared.add(item.nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.nodeid in _reads_shared and (report.when == "call" or report.skipped or report.failed):
        _outcomes.setdefault(report.nodeid, "skipped" if report.skipped else "ran")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    count = Counter(_outcomes.values())
    terminalreporter.write_line(f"shared-data tests: {count['ran']} ran, {count['skipped']} skipped")
