"""Where leap-second tables are found, and what damage there does."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpstime.core.leap import BUILT_IN
from gpstime.drivers.leap_files import load
from gpstime.times import UtcTime


def folder(tmp_path: Path, name: str, *, release: str, updated: int, words: str = "#expires 1830000000") -> Path:
    place = tmp_path / name
    place.mkdir()
    place.joinpath("tzdata.zi").write_text(f"# version {release}\n# more\n")
    month_ends = {"06": "Jun\t30", "12": "Dec\t31"}
    ends = [UtcTime(day - 1, 0).iso() for day in BUILT_IN.table.starts[1:]]
    leaps = [f"Leap\t{end[:4]}\t{month_ends[end[5:7]]}\t23:59:60\t+\tS" for end in ends]
    place.joinpath("leapseconds").write_text("\n".join([*leaps, f"#updated {updated}", words, ""]))
    return place


def test_this_machine_has_a_table_and_it_names_its_source() -> None:
    table = load()
    assert table.starts[: len(BUILT_IN.table.starts)] == BUILT_IN.table.starts
    assert any(word in table.source for word in ("built-in", "leapseconds", "leap-seconds.list"))


def test_newest_folder_wins(tmp_path: Path) -> None:
    old = folder(tmp_path, "old", release="2027a", updated=1_800_000_000)
    new = folder(tmp_path, "new", release="2027b", updated=1_800_000_000, words="# there will be no more leap seconds")
    for folders in ([old, new], [new, old]):
        table = load(folders)
        assert table.source.startswith(str(new / "leapseconds"))
        assert "tz 2027b" in table.source
        assert table.expires is None


def test_nothing_there(tmp_path: Path) -> None:
    assert load([]) == load([tmp_path, tmp_path / "absent"]) == BUILT_IN.table


@pytest.mark.parametrize("damage", [b"", b"\x00\xff" * 1000, b"Leap\t2016\tDec\t31\t23:59:60\t+\tS\n"])
def test_damage_is_told_and_not_raised(tmp_path: Path, damage: bytes) -> None:
    for name in ("leapseconds", "leap-seconds.list", "tzdata.zi"):
        tmp_path.joinpath(name).write_bytes(damage)
    table = load([tmp_path])
    assert (table.starts, table.expires) == (BUILT_IN.table.starts, BUILT_IN.table.expires)
    assert table.source.count("not used") == 2


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    tmp_path.joinpath("leapseconds").mkdir()
    assert load([tmp_path]) == BUILT_IN.table


def test_published_list_beside_a_damaged_one(tmp_path: Path, shared_data: Path) -> None:
    place = folder(tmp_path, "place", release="2027a", updated=1_800_000_000)
    place.joinpath("leap-seconds.list").write_bytes(
        (shared_data / "timescale/leap-seconds.list").read_bytes().replace(b"37", b"36")
    )
    table = load([place])
    assert table.source.startswith(str(place / "leapseconds"))
    assert "leap-seconds.list: its hash does not match" in table.source
