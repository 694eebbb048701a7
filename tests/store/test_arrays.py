"""Columns in numpy's files: numpy reads what is written, and what numpy writes is read; anything else is refused in a sentence."""

from __future__ import annotations

import contextlib
import io
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpstime.errors import UsageError
from gpstime.store.arrays import read_column, write_columns


@pytest.mark.parametrize("kind", ["<f8", ">f8", "<f4", ">f4"])
def test_what_numpy_writes_is_read(tmp_path: Path, kind: str) -> None:
    column = np.array([1.5, -2.25, np.nan, 0.0, 1e30], dtype=kind)
    np.save(tmp_path / "a.npy", column)
    found = read_column(str(tmp_path / "a.npy"))
    assert np.array_equal(np.array(found), column.astype("f8"), equal_nan=True)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header(tmp_path: Path, version: tuple[int, int]) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, np.arange(5.0), version=version)
    assert read_column(str(tmp_path / "a.npy")).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_numpy_reads_what_is_written(tmp_path: Path) -> None:
    write_columns(str(tmp_path / "r.npz"), {"x": array("d", [1.0, 2.0]), "f": array("d", [0.5])})
    with np.load(tmp_path / "r.npz") as found:
        assert sorted(found.files) == ["f", "x"]
        assert found["x"].tolist() == [1.0, 2.0]
        assert found["f"].dtype == np.float64


@pytest.mark.parametrize("wrong", [np.zeros((2, 2)), np.zeros(3, dtype="i8"), np.array(["a"]), np.array(1.0)])
def test_other_arrays_are_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", wrong)
    with pytest.raises(UsageError, match=r"a\.npy"):
        read_column(str(tmp_path / "a.npy"))


def test_a_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(10.0))
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole[:-3])
    with pytest.raises(UsageError, match="write it again"):
        read_column(str(tmp_path / "a.npy"))


def test_no_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_column(str(tmp_path / "none.npy"))


@given(st.binary(max_size=200), st.integers(0, 90))
def test_rubbish_is_refused_and_nothing_else_raised(tmp_path_factory: pytest.TempPathFactory, rubbish: bytes, place: int) -> None:
    good = io.BytesIO()
    np.save(good, np.arange(3.0))
    path = tmp_path_factory.mktemp("r") / "a.npy"
    for found in (rubbish, good.getvalue()[:place] + rubbish + good.getvalue()[place + len(rubbish) :]):
        path.write_bytes(found)
        with contextlib.suppress(UsageError):
            read_column(str(path))
