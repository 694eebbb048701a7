"""The real chronyd starts with our tempcomp file, and not with the same file and an empty line at its end (P20)."""

from __future__ import annotations

from pathlib import Path

import pytest
from real_chrony import Found, find, running

from gpstime.core import tempcomp
from gpstime.core.thermal import ThermalModel

MODEL = ThermalModel(45.2, -150.0, -2.0, 40.3, 52.4, 0.9, 0.01, 300)


def found() -> Found:
    there = find()
    if isinstance(there, str):
        pytest.skip(there)
    return there


def test_chronyd_reads_the_points_and_the_line(tmp_path: Path) -> None:
    points, zone = tmp_path / "points", tmp_path / "temp"
    zone.write_text("44500\n")
    points.write_text(tempcomp.write(tempcomp.points(MODEL)))
    for line in (f"tempcomp {zone} 30 {points}", tempcomp.line(MODEL, str(zone))):
        with running(found(), line) as chronyd:
            assert chronyd.ask("tracking")
            assert "tempcomp" not in chronyd.said().lower()
            assert "Could not read" not in chronyd.said()


def test_an_empty_line_at_the_end_is_fatal(tmp_path: Path) -> None:
    points = tmp_path / "points"
    points.write_text(tempcomp.write(tempcomp.points(MODEL)) + "\n")
    with pytest.raises(RuntimeError, match="tempcomp point"), running(found(), f"tempcomp {tmp_path}/temp 30 {points}"):
        pass
