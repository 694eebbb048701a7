"""The table in the docs is the sweep's: a row for each point of the grid, each holding what the page promises."""

from __future__ import annotations

from pathlib import Path

from clocks import grid

PAGE = Path(__file__).resolve().parents[2] / "docs" / "estimator.md"


def rows() -> list[list[str]]:
    text = PAGE.read_text().partition("<!-- coverage table -->")[2].partition("<!-- end of coverage table -->")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]


def percent(cell: str) -> float:
    return float(cell.removesuffix("%"))


def test_every_point_of_the_grid_has_its_row() -> None:
    found = {tuple(row[:4]) for row in rows() if len(row) == 13}
    wanted = {
        (f"{p.kind} {p.pulse_ns / 1000:g} us", str(p.n), f"{p.white_ns * 1e-9:.0e}", f"{p.walk_ppb * 1e-9:.0e}") for p in grid()
    }
    assert wanted <= found


def test_the_rows_hold_what_the_page_promises() -> None:
    sweep = [row for row in rows() if len(row) == 13 and row[1].isdigit()]
    assert min(percent(row[5]) for row in sweep) >= 93
    assert min(percent(row[7]) for row in sweep) >= 93
    seen = [row for row in sweep if percent(row[4]) >= 95]
    assert len(seen) > 50
    assert max(float(row[9]) for row in seen) <= 1.2
    assert max(float(row[10]) for row in seen) <= 1.5
    white = [row for row in rows() if len(row) == 4 and row[2].endswith("%")]
    assert len(white) == 2
    assert min(float(row[1]) for row in white) >= 0.9
