"""Firmware notes and code agree: each simulated receiver has a note, and each claim in a note says how it is known."""

from __future__ import annotations

import itertools
import lzma
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpstime.app.advice import advice
from gpstime.drivers.inventory import HEADER_CHIPS, take_inventory
from gpstime.sim import clock
from gpstime.sim.personalities import PERSONALITIES, Personality
from gpstime.times import UtcTime
from tests.drivers import pi_trees

ROOT = Path(__file__).resolve().parent.parent
NOTES = ROOT / "firmware_notes"
RECEIVERS = sorted((NOTES / "receivers").glob("*.md"))
BOARDS = [note for note in sorted((NOTES / "boards").glob("*.md")) if note.stem != "TEMPLATE"]
RTCS = [note for note in sorted((NOTES / "rtc").glob("*.md")) if note.stem != "TEMPLATE"]
GRADED = [*RECEIVERS, *BOARDS, *RTCS, *sorted((ROOT / "hw" / "wiring").glob("*.md"))]

GRADE = re.compile(r"\*(datasheet|seen|reported) \(([^)]+)\)\*")
SEEN = re.compile(r"(\d{4}-\d\d-\d\d), ([\w.-]+)")
Row = tuple[str, str]


def front_table(note: Path) -> dict[str, Row]:
    """fact -> (value, evidence), from the first table of a note."""
    rows = {}
    for line in note.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and set(cells[0]) != {"-"} and cells[0] != "fact":
            rows[cells[0]] = (cells[1], cells[2])
        elif rows:
            break
    return rows


def claims(note: Path) -> Iterator[str]:
    """Every list item (with the lines that continue it) and table row that must be graded."""
    text = note.read_text(encoding="utf-8").split("\n## Not known")[0]
    for row in re.findall(r"^\|.*\|$", text, re.MULTILINE):
        if not re.match(r"\| (fact|personality|board|chip|hat) \||\|-", row):
            yield row
    yield from re.findall(r"^- .*(?:\n  .*)*", text, re.MULTILINE)


def ungraded(note: Path) -> list[str]:
    return [claim for claim in claims(note) if not GRADE.search(claim)]


def badly_graded(note: Path) -> list[str]:
    """Grades that do not carry what their kind needs: a place in a document, a date and a capture, a link."""
    found = []
    for kind, told in GRADE.findall(note.read_text(encoding="utf-8")):
        fine = {
            "datasheet": ", " in told and not told.startswith("http"),
            "seen": bool(SEEN.fullmatch(told)),
            "reported": bool(re.fullmatch(r"https://\S+", told)),
        }
        if not fine[kind]:
            found.append(f"{kind} ({told})")
    return found


def expected(p: Personality) -> dict[str, str]:
    """What the note's front table must say of this personality."""
    invented = next(phase.own for phase in p.cold if phase.own is not None)
    return {
        "personality": f"`{p.name}`",
        "default baud": f"{p.baud}",
        "talker": p.talker,
        "sentence order": " ".join(p.order),
        "bursts with GSV": "every" if p.gsv_every == 1 else f"one in {p.gsv_every}",
        "NMEA version": "4.10" if p.nmea41 else "before 4.10",
        "decimals of the time": f"{p.time_decimals}",
        "first byte after the pulse": f"{p.delay_ms:g} ms, sigma {p.jitter_ms:g} ms",
        "date at a cold start": invented.iso()[:10],
    }


def disagreements(note: Path, personalities: dict[str, Personality]) -> list[str]:
    rows = front_table(note)
    name = rows.get("personality", ("", ""))[0].strip("`")
    if name not in personalities:
        return [f"{note.name}: no personality {name!r}"]
    wanted = expected(personalities[name])
    told = {fact: value for fact, (value, _) in rows.items()}
    return [
        f"{note.name}: {fact}: note {told.get(fact)!r}, code {wanted.get(fact)!r}"
        for fact in wanted | told
        if told.get(fact) != wanted.get(fact)
    ]


@pytest.mark.parametrize("note", RECEIVERS, ids=lambda note: note.stem)
def test_note_and_personality_agree(note: Path) -> None:
    assert disagreements(note, PERSONALITIES) == []


def test_each_personality_has_one_note() -> None:
    named = Counter(front_table(note)["personality"][0].strip("`") for note in RECEIVERS)
    assert named == Counter(list(PERSONALITIES))


@pytest.mark.parametrize("note", GRADED, ids=lambda note: note.stem)
def test_each_claim_is_graded(note: Path) -> None:
    assert len(list(claims(note))) >= 8
    assert ungraded(note) == []
    assert badly_graded(note) == []


def test_template_has_the_facts_that_are_checked() -> None:
    assert list(front_table(NOTES / "TEMPLATE.md")) == list(expected(PERSONALITIES["mtk3339"]))


def test_each_note_is_in_the_list() -> None:
    listed = re.findall(r"\(receivers/([\w-]+\.md)\)", (NOTES / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == [note.name for note in RECEIVERS]


# ---- boards ------------------------------------------------------------------------------------------------------------------


def expected_of_board(name: str, tree: pi_trees.Board) -> dict[str, str]:
    """What the note's front table must say: the simulated board, and the tree that `gpstime devices` is tested on."""
    simulated = clock.BOARDS[name]
    return {
        "board": f"`{name}`",
        "counter": f"{simulated.num * 1000 / simulated.den:g} MHz",
        "GPIO label": tree.header_label,
        "header port": tree.usable,
        "header port fresh out of the box": f"/dev/{tree.serial0}",
        "interrupt latency simulated": f"{simulated.irq_bias_ns / 1000:g} us",
    }


@pytest.mark.parametrize("note", BOARDS, ids=lambda note: note.stem)
def test_note_and_board_agree(note: Path) -> None:
    rows = front_table(note)
    name = rows["board"][0].strip("`")
    (tree,) = [t for t in pi_trees.BOARDS if t.model == clock.BOARDS[name].name]
    wanted = expected_of_board(name, tree)
    assert {fact: value for fact, (value, _) in rows.items()} == wanted
    assert wanted["GPIO label"] in HEADER_CHIPS
    # the control: another board's tree is told apart
    assert all(expected_of_board(name, other) != wanted for other in pi_trees.BOARDS if other is not tree)


def test_the_template_of_boards_has_the_facts_that_are_checked() -> None:
    assert list(front_table(NOTES / "boards" / "TEMPLATE.md")) == list(expected_of_board("pi4", pi_trees.BOARDS[3]))
    listed = re.findall(r"\(boards/([\w-]+\.md)\)", (NOTES / "README.md").read_text(encoding="utf-8"))
    assert sorted(set(listed) - {"TEMPLATE.md"}) == [note.name for note in BOARDS]


@pytest.mark.parametrize(("board", "kernel"), pi_trees.CASES, ids=pi_trees.IDS)
def test_the_lines_to_copy_are_enough(tmp_path: Path, board: pi_trees.Board, kernel: pi_trees.Kernel) -> None:
    """hw/boot against `gpstime devices`: with the file's lines in config.txt no board has anything left to add."""
    file = ROOT / "hw" / "boot" / ("pi-5.txt" if board.name == "five" else "pi-0-to-4.txt")
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    made = pi_trees.tree(tmp_path, board, kernel)
    assert [a for a in advice(take_inventory(made.done())) if a.add]
    pi_trees.follow(made, lines, ["console=serial0,115200"])
    assert advice(take_inventory(made.done())) == []


# ---- what is *seen* can be seen again ----------------------------------------------------------------------------------------


def capture(shared_data: Path, name: str) -> bytes:
    found = [*shared_data.rglob(name), *shared_data.rglob(f"{name}.xz")]
    assert len(found) == 1, f"{name}: {found}"
    return lzma.open(found[0]).read() if found[0].suffix == ".xz" else found[0].read_bytes()


def observed(raw: bytes) -> dict[str, str]:
    """The facts of the front table that a recording shows, found without gpstime's own parser."""
    lines = [m.groups() for m in re.finditer(rb"\$([A-Z]{2})([A-Z]{3}),([^\r\n*]*)\*[0-9A-F]{2}", raw)]
    kinds = [kind.decode() for _, kind, _ in lines]
    rmc = [(talker.decode(), body.decode().split(",")) for talker, kind, body in lines if kind == b"RMC"]
    whole = [fields for _, fields in rmc if len(fields[0]) > 6]
    gsv_bursts = sum(a != "GSV" and b == "GSV" for a, b in itertools.pairwise(kinds))
    ((talker, _),) = Counter(talker for talker, _ in rmc).most_common(1)
    ((fields, _),) = Counter(len(fields) for _, fields in rmc).most_common(1)
    ratio = round(len(rmc) / gsv_bursts)
    return {
        "talker": talker,
        "NMEA version": "4.10" if fields == 13 else "before 4.10",
        "decimals of the time": f"{len(whole[0][0]) - 7}",
        "bursts with GSV": "every" if ratio <= 1 else f"one in {ratio}",
        "sentence order": " ".join(a for a, b in zip(kinds, [*kinds[1:], ""], strict=True) if a != b),
    }


def in_this_order(order: list[str], seen: list[str]) -> bool:
    """True if those kinds of `order` that were seen follow each other in the recording as in `order`, round and round."""
    wanted = [kind for kind in order if kind in seen]
    only = [kind for kind in seen if kind in wanted]
    rank = {kind: i for i, kind in enumerate(wanted)}
    turns = sum(rank[b] <= rank[a] for a, b in itertools.pairwise(only))  # back to the start: once in a burst
    return len(wanted) >= 3 and turns <= max(Counter(only).values()) + 1


@pytest.mark.parametrize("note", GRADED, ids=lambda note: note.stem)
def test_captures_that_were_seen_exist(note: Path, shared_data: Path) -> None:
    seen = {told for kind, told in GRADE.findall(note.read_text(encoding="utf-8")) if kind == "seen"}
    assert seen or note not in RECEIVERS
    for told in seen:
        date, name = SEEN.fullmatch(told).groups()
        assert UtcTime.parse(f"{date}T00:00Z").day > 0
        header = capture(shared_data, name)[:1000].decode("latin-1")
        year, month, day = (int(part) for part in date.split("-"))
        assert re.search(rf"[Dd]ate\s*[:=]\s*{year}-0?{month}-0?{day}\b", header), f"{name}: not of {date}"


@pytest.mark.parametrize("note", RECEIVERS, ids=lambda note: note.stem)
def test_captures_show_what_the_front_table_says(note: Path, shared_data: Path) -> None:
    checked = 0
    for fact, (value, evidence) in front_table(note).items():
        for kind, told in GRADE.findall(evidence):
            facts = observed(capture(shared_data, SEEN.fullmatch(told)[2])) if kind == "seen" else {}
            if fact == "NMEA version" and value == "4.10" and facts:
                assert "12 fields" in evidence, "a setting that the recordings do not have is called that"
                assert facts[fact] == "before 4.10"
            elif fact == "sentence order" and facts:
                assert in_this_order(value.split(), facts[fact].split()), (value, told)
            elif fact in facts:
                assert facts[fact] == value, (fact, told)
            checked += fact in facts
    assert checked >= 3


# ---- controls: the guard can fail ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("note", RECEIVERS, ids=lambda note: note.stem)
def test_a_changed_personality_is_found(note: Path) -> None:
    name = front_table(note)["personality"][0].strip("`")
    p = PERSONALITIES[name]
    changes = {
        "default baud": replace(p, baud=p.baud * 2),
        "talker": replace(p, talker="XX"),
        "sentence order": replace(p, order=p.order[::-1]),
        "bursts with GSV": replace(p, gsv_every=p.gsv_every + 1),
        "NMEA version": replace(p, nmea41=not p.nmea41),
        "decimals of the time": replace(p, time_decimals=p.time_decimals + 1),
        "first byte after the pulse": replace(p, delay_ms=p.delay_ms + 1),
        "date at a cold start": replace(p, cold=(replace(p.cold[0], own=UtcTime.civil(1999, 8, 22)), *p.cold[1:])),
    }
    for fact, changed in changes.items():
        assert [fact in told for told in disagreements(note, {name: changed})] == [True]
    assert disagreements(note, {}) == [f"{note.name}: no personality {name!r}"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("- It pulses.", ungraded),
        ("| width | 100 ms | everybody knows |", ungraded),
        ("- It pulses. *seen (yesterday, on my desk)*", badly_graded),
        ("- It pulses. *datasheet (somewhere)*", badly_graded),
        ("- It pulses. *reported (a friend)*", badly_graded),
    ],
)
def test_a_claim_without_evidence_is_found(tmp_path: Path, line: str, found) -> None:
    note = tmp_path / "note.md"
    note.write_text(f"# A note\n\n{line}\n\n## Not known\n\n- Everything else.\n")
    assert found(note) != []


def test_a_false_order_is_found() -> None:
    burst = ["GGA", "GSA", "RMC", "ZDA"]
    assert in_this_order(["GGA", "GSA", "GSV", "RMC", "VTG"], burst * 9)
    assert not in_this_order(["RMC", "GSA", "GGA"], burst * 9)
