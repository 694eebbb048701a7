"""Leap-second tables from text: the published ones, damaged ones, and the built-in list against them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpstime.core.leap import BUILT_IN, Damaged, Edition, contradicts, newest, parse_iers_list, parse_tz_leapseconds
from gpstime.times import UtcTime

NTP = 2_208_988_800


def iers(rows: list[tuple[int, int]], updated: int = 1_800_000_000, expires: int = 1_830_000_000, digest: str | None = None) -> str:
    digits = f"{updated + NTP}{expires + NTP}" + "".join(f"{t + NTP}{n}" for t, n in rows)
    sha = digest or hashlib.sha1(digits.encode()).hexdigest()
    words = " ".join(sha[i : i + 8].lstrip("0") for i in range(0, 40, 8))
    lines = [f"{t + NTP}\t{n}\t# a comment" for t, n in rows]
    return "\n".join(["# words", f"#$\t{updated + NTP}", f"#@\t{expires + NTP}", *lines, f"#h\t{words}", ""])


def history() -> list[tuple[int, int]]:
    table = BUILT_IN.table
    return [(day * 86_400, offset) for day, offset in zip(table.starts, table.offsets_s, strict=True)]


def tz(*, leaps: list[str] | None = None, tail: str = "#updated 1800000000 (x)\n#expires 1830000000 (x)\n") -> str:
    table = BUILT_IN.table
    months = {"06": "Jun\t30", "12": "Dec\t31"}
    if leaps is None:
        ends = [UtcTime(day - 1, 0).iso() for day in table.starts[1:]]
        leaps = [f"Leap\t{end[:4]}\t{months[end[5:7]]}\t23:59:60\t+\tS" for end in ends]
    return "# some words\n\n" + "\n".join(leaps) + "\n\n" + tail


def sound(outcome: Edition | Damaged) -> Edition:
    assert isinstance(outcome, Edition), outcome
    return outcome


def reason(outcome: Edition | Damaged) -> str:
    assert isinstance(outcome, Damaged), outcome
    return outcome.reason


def test_iers_list() -> None:
    edition = sound(parse_iers_list(iers(history()), "a file", "2026z"))
    assert (edition.table.starts, edition.table.offsets_s) == (BUILT_IN.table.starts, BUILT_IN.table.offsets_s)
    assert edition.table.expires == 1_830_000_000 // 86_400
    assert edition.updated_s == 1_800_000_000
    assert edition.table.source == "a file (tz 2026z, of 2027-01-15, expires 2027-12-28)"


def test_tz_leapseconds() -> None:
    edition = sound(parse_tz_leapseconds(tz(), "a file"))
    assert (edition.table.starts, edition.table.offsets_s) == (BUILT_IN.table.starts, BUILT_IN.table.offsets_s)
    assert edition.table.expires == 1_830_000_000 // 86_400
    assert edition.updated_s == 1_800_000_000


@pytest.mark.parametrize(
    ("tail", "expires"),
    [
        ("# This timestamp is obsolete as there will\n# be no more leap seconds.\n#expires 1830000000 (x)\n", None),
        ("Expires 2028\tJun\t28\t00:00:00\n# there will be no more leap seconds\n#expires 1830000000\n", "2028-06-28"),
        ("#Expires 2028\tJun\t28\t00:00:00\n#expires 1830000000\n", "2027-12-28"),
        ("#\tUpdated through IERS Bulletin C53\n#\tFile expires on:  28 December 2027\n", "2027-12-28"),
    ],
)
def test_tz_expiry_is_what_the_file_says(tail: str, expires: str | None) -> None:
    table = sound(parse_tz_leapseconds(tz(tail=tail), "a file")).table
    assert table.expires == (None if expires is None else UtcTime.parse(f"{expires}T00:00Z").day)
    assert ("no more leap seconds" in table.source) == (expires is None)


def test_negative_leap_second_in_both_formats() -> None:
    day = UtcTime.parse("2027-07-01T00:00Z").day
    from_iers = sound(parse_iers_list(iers([*history(), (day * 86_400, 36)]), "x")).table
    from_tz = sound(parse_tz_leapseconds(tz(tail="Leap\t2027\tJun\t30\t23:59:59\t-\tS\n#expires 1830000000\n"), "x")).table
    for table in (from_iers, from_tz):
        assert table.leap_at_end_of(day - 1) == -1
        assert table.offsets_s[-1] == 36


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "missing"),
        (iers(history()).replace("#@", "#"), "missing"),
        (iers(history()).replace("#h", "#"), "missing"),
        (iers(history(), digest="0" * 39 + "1"), "hash"),
        (iers(history()).replace("\t37\t", "\t38\t"), "hash"),
        (iers(history()).replace("\t37\t", "\t3x\t"), "damaged"),
        (iers(history()).replace("\t37\t", "\t" + "3" * 5000 + "\t"), "damaged"),
        (iers(history()).replace("\t37\t", "\t"), "no entry"),
        (iers([(t + 1, n) for t, n in history()]), "midnight"),
        (iers(history()[::-1]), "order"),
        (iers([*history(), (1_900_000_000 // 86_400 * 86_400, 39)]), "more than a second"),
        (iers(history(), expires=1_400_000_000), "expires before"),
    ],
)
def test_damaged_iers_list(text: str, why: str) -> None:
    assert why in reason(parse_iers_list(text, "a file"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expires"),
        (tz(tail=""), "expires"),
        (tz(tail="#expires 99999999999999999\n"), "expires"),
        (tz(tail="# File expires on 31 Juno 2027\n# File expires on 99 June 2027"), "expires"),
        (tz(tail="#expires 1400000000\n"), "expires before"),
        (tz().replace("Leap\t2016", "Leap\t201x"), "no leap second"),
        (tz().replace("2016\tDec", "2016\tDez"), "no leap second"),
        (tz().replace("2016\tDec\t31", "2016\tDec\t32"), "no leap second"),
        (tz().replace("2016\tDec\t31\t23:59:60\t+\tS", "2016\tDec\t31\t23:59:60\t+\tR"), "no leap second"),
        (tz().replace("2016\tDec\t31\t23:59:60\t+", "2016\tDec\t31\t23:59:60\t-"), "no leap second"),
        (tz().replace("2016\tDec\t31\t23:59:60\t+\tS", "2016"), "no leap second"),
        (tz().replace("Leap\t2016", "Leap\t1986"), "order"),
    ],
)
def test_damaged_tz_leapseconds(text: str, why: str) -> None:
    assert why in reason(parse_tz_leapseconds(text, "a file"))


@given(st.binary(max_size=400) | st.tuples(st.integers(0, 900), st.integers(0, 255)))
def test_no_text_raises(damage: bytes | tuple[int, int]) -> None:
    for parse, text in ((parse_iers_list, iers(history())), (parse_tz_leapseconds, tz())):
        raw = bytearray(text.encode())
        if isinstance(damage, bytes):
            raw = bytearray(damage)
        else:
            raw[damage[0] % len(raw)] ^= damage[1]
        newest([parse(raw.decode("utf-8", "replace"), "a file")])


def test_newest_wins_and_says_so() -> None:
    old = parse_iers_list(iers(history(), updated=1_700_000_000, expires=1_750_000_000), "old")
    new = parse_iers_list(iers(history()), "new")
    assert newest([old, new]).source.startswith("new (")
    assert newest([new, old]).source.startswith("new (")
    assert newest([old]).source.startswith("built-in"), "the list of this release is newer than an old system's"
    assert newest([]).source.startswith("built-in")


def test_equals_are_decided_by_release_then_by_order() -> None:
    first, second = parse_iers_list(iers(history()), "first"), parse_tz_leapseconds(tz(), "second")
    assert newest([first, second]).source.startswith("first (")
    released = parse_tz_leapseconds(tz(tail="# there will be no more leap seconds\n#updated 1800000000\n"), "second", "2026f")
    assert newest([first, released]).expires is None
    assert newest([parse_iers_list(iers(history()), "first", "2026g"), released]).expires is not None


def test_what_was_passed_over_is_told() -> None:
    damaged = parse_iers_list(iers(history()).replace("\t37\t", "\t38\t"), "the list")
    assert newest([damaged]).source.endswith("; not used: the list: its hash does not match")


def test_a_sound_text_with_a_false_history_is_not_used() -> None:
    for rows in (history()[:-1], history()[1:], [*history(), (UtcTime.parse("2020-01-01T00:00Z").day * 86_400, 38)]):
        edition = sound(parse_iers_list(iers(rows), "the list"))
        assert contradicts(edition.table, BUILT_IN.table)
        assert "contradicts" in newest([edition]).source
    future = sound(parse_iers_list(iers([*history(), (UtcTime.parse("2027-07-01T00:00Z").day * 86_400, 38)]), "the list"))
    assert not contradicts(future.table, BUILT_IN.table), "a leap second after the built-in list's expiry is news"
    assert newest([future]).offsets_s[-1] == 38


def test_built_in_list_against_the_published_ones(shared_data: Path) -> None:
    built_in = BUILT_IN.table
    published = [
        sound(parse_iers_list((shared_data / "timescale/leap-seconds.list").read_text(), "x")),
        sound(parse_tz_leapseconds((shared_data / "timescale/leapseconds").read_text(), "x")),
    ]
    for edition in published:
        assert (edition.table.starts, edition.table.offsets_s, edition.table.expires) == (
            built_in.starts,
            built_in.offsets_s,
            built_in.expires,
        )
        assert edition.updated_s // 86_400 == BUILT_IN.updated_s // 86_400
    rows = [line.split() for line in (shared_data / "timescale/Leap_Second.dat").read_text().splitlines() if line.strip()]
    dat = [(float(r[0]), int(r[4])) for r in rows if not r[0].startswith("#")]
    assert [(day + 40_587.0, offset) for day, offset in zip(built_in.starts, built_in.offsets_s, strict=True)] == dat


@pytest.mark.parametrize(
    ("name", "expires", "last_offset_s"),
    [
        ("2013-12-31", "2014-06-28", 35),
        ("2015-06-01", "2015-12-28", 36),
        ("2017-03-01", "2017-12-28", 37),
        ("2025-12-01", "2026-06-28", 37),
    ],
)
def test_lists_of_the_past(shared_data: Path, name: str, expires: str, last_offset_s: int) -> None:
    text = (shared_data / f"timescale/history/leap-seconds.asof-{name}.list").read_text()
    edition = sound(parse_iers_list(text, "x"))
    assert edition.table.expires == UtcTime.parse(f"{expires}T00:00Z").day
    assert edition.table.offsets_s[-1] == last_offset_s
    assert not contradicts(edition.table, BUILT_IN.table), "an old list knows less, not otherwise"
    assert newest([edition]).source.startswith("built-in")
