"""A curve in characters."""

from __future__ import annotations

from gpstime.report.strip import strip, unit_of


def test_a_jump_is_upright_and_zero_is_a_line() -> None:
    xs, ys = list(range(12)), [300] * 6 + [0] * 6
    assert strip(xs, ys, 0, 300, 12, 4) == ["******      ", "      |     ", "      |     ", "------******"]


def test_a_slope_has_no_holes() -> None:
    lines = strip(list(range(40)), [k * 10 for k in range(40)], 0, 390, 4, 12)
    for column in zip(*lines, strict=True):
        assert set(column) & {"*", "|"}
    assert lines[0][3] == "*"
    assert lines[11][0] == "*"
    assert any("|" in line for line in lines)


def test_fewer_points_than_columns_leave_no_holes_and_a_jump_upright() -> None:
    assert strip([0, 9], [5, 5], 0, 5, 10, 2) == ["**********", "----------"]
    assert strip([0, 3, 6, 9], [5, 5, 0, 0], 0, 5, 10, 2) == ["******    ", "------****"]


def test_units() -> None:
    assert [unit_of(size)[1] for size in (2e9, 3e8, 4e4, 5)] == ["s", "ms", "us", "ns"]
