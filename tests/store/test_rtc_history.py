"""A chip's history on disk: appended, synced, readable after anything that a power cut does to its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpstime.errors import DeviceError, UsageError
from gpstime.store.rtc_history import History


def test_written_and_read_back(tmp_path: Path) -> None:
    one = History(str(tmp_path / "new"), "pcf8523-1-68")
    one.add("measured", "2026-03-01T12:00:00Z", ppm=106.9, lo=106.8, hi=107.0, trim=0)
    one.add("trimmed", "", old=0, new=26)
    two = History(str(tmp_path / "new"), "pcf8523-1-68")
    assert two.entries == one.entries
    measured = two.last("measured", "verified")
    assert measured is not None
    assert measured.number("ppm") == 106.9
    assert measured.whole("trim") == 0
    assert measured.whole("ppm") is None
    assert measured.number("nothing") is None
    assert two.last("undone") is None
    assert History(str(tmp_path / "new"), "ds3231-1-68").entries == []


def test_every_cut_keeps_what_was_whole_and_the_next_line(tmp_path: Path) -> None:
    one = History(str(tmp_path), "x")
    one.add("trimmed", "", old=0, new=26)
    one.add("trimmed", "", old=26, new=25)
    assert one.path is not None
    whole = one.path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole) + 1):
        one.path.write_bytes(whole[:cut])
        after = History(str(tmp_path), "x")
        # the bytes of a whole object without its line end are an entry
        assert [e.whole("new") for e in after.entries] == ([26, 25] if cut >= len(whole) - 1 else [26])
        after.add("undone", "", old=26, new=0)
        again = History(str(tmp_path), "x")
        assert again.entries[0].whole("new") == 26
        assert again.last("undone") is not None


@given(st.binary(max_size=200))
def test_rubbish_is_counted(tmp_path_factory: pytest.TempPathFactory, rubbish: bytes) -> None:
    folder = tmp_path_factory.mktemp("h")
    (folder / "rtc-x.jsonl").write_bytes(rubbish + b'\n{"what": "set", "utc": ""}\n')
    history = History(str(folder), "x")
    assert history.entries[-1].what == "set"


def test_in_memory() -> None:
    history = History(None, "x")
    history.add("set", "")
    assert history.last("set") is not None
    assert history.path is None


def test_what_cant_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceError, match="--state"):
        History(str(tmp_path / "file"), "x")
    (tmp_path / "dir" / "rtc-x.jsonl").mkdir(parents=True)
    with pytest.raises(DeviceError, match="can't be read"):
        History(str(tmp_path / "dir"), "x")
    history = History(str(tmp_path / "gone"), "x")
    (tmp_path / "gone").write_text("a file where the folder should be")
    with pytest.raises(DeviceError, match="--state"):
        history.add("set", "")
    assert history.entries == []
    with pytest.raises(UsageError, match="letters"):
        History(None, "../x")
