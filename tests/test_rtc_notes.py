"""Notes of the RTC chips, their drivers and their fakes agree: what the front table says, both do."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from test_notes import NOTES, front_table

from gpstime.drivers.rtc.chip import RtcChip
from gpstime.drivers.rtc.open import FAMILIES, open_rtc
from gpstime.sim.chips import CHIPS
from gpstime.times import NS, UtcTime
from tests.sim.wired import Wired

RTCS = [note for note in sorted((NOTES / "rtc").glob("*.md")) if note.stem != "TEMPLATE"]
FACTS = [
    *("chip", "address", "counters", "time is lost", "trim", "one step", "a larger value", "acts"),
    *("first tick", "temperature", "to the battery"),
]
TRIM_FACTS = {"one step", "a larger value", "acts"}


def names_in(note: Path) -> list[str]:
    return re.findall(r"`(\w+)`", front_table(note)["chip"][0])


def with_driver(name: str, **options) -> tuple[Wired, RtcChip]:
    w = Wired(name, **options)
    return w, open_rtc(name, w.bus, time=w.time)


def counters_of(name: str) -> str:
    """By driver and fake: where a day's last second changes registers, and where the driver looks for it."""
    w, rtc = with_driver(name, start=UtcTime.civil(2099, 12, 31, 23, 59, 59))
    before = bytes(w.chip.file)
    w.run(1.5)
    changed = [r for r, (a, b) in enumerate(zip(before, w.chip.file, strict=True)) if a != b and r < 0x1B]
    assert changed[0] == rtc.layout.seconds
    return f"0x{changed[0]:02X} to 0x{changed[-1]:02X}"


def lost_by(name: str) -> str:
    """The one bit that, changed by itself, takes both the driver's and the fake's trust away."""
    found = []
    for register in CHIPS[name].registers:
        for bit in range(8):
            w, rtc = with_driver(name)
            w.run(1.0)
            w.chip.poke(register, w.chip.file[register] ^ 1 << bit)
            if register < 0x20 and not w.chip.truth.trusted:
                found.append((register, bit, "set" if w.chip.file[register] >> bit & 1 else "clear"))
                assert not rtc.read().trusted
    # where a halt bit is beside the flag, the flag is what tells of the past
    flags = [f for f in found if f[:2] != (0x00, 7)] or found
    ((register, bit, state),) = flags
    return f"bit {bit} of 0x{register:02X} {state}"


def trim_of(name: str) -> dict[str, str]:
    w, rtc = with_driver(name)
    spec = rtc.trim_spec
    if spec is None:
        return {"trim": "none"}
    w.run(0.3)
    base = w.truth.mean_ppm
    begun = len(w.bus.log)
    rtc.write_trim(6)
    first = next(t.wrote[0] for t in w.bus.log[begun:] if len(t.wrote) > 1 and CHIPS[name].registers[t.wrote[0]].rw and moves(w, t))
    w.run(2.0)
    step = (w.truth.mean_ppm - base) / 6
    assert abs(step) == pytest.approx(spec.ppm_per_step, rel=2e-3)
    assert ("slower" if step < 0 else "faster") == spec.positive
    pulses = w.truth.mean_ppm != w.truth.ppm
    assert pulses == (spec.acts == "pulses")
    return {
        "trim": f"0x{first:02X}",
        "one step": f"{spec.ppm_per_step:.4g} ppm",
        "a larger value": spec.positive,
        "acts": f"in pulses, {spec.cycle_s:.0f} s" if pulses else "always",
    }


def moves(w: Wired, transfer) -> bool:
    """This transfer is the one that holds the trim: its register differs from a fresh chip's and is no control bit."""
    fresh = Wired(w.chip.name).chip.file
    return w.chip.file[transfer.wrote[0]] != fresh[transfer.wrote[0]] and transfer.wrote[1] == w.chip.file[transfer.wrote[0]]


def first_tick_of(name: str) -> str:
    w, rtc = with_driver(name)
    w.run(0.3)
    rtc.write_time(UtcTime.civil(2030, 1, 2, 3, 4, 5))
    ends = w.truth
    assert ends.shows.unix // NS == UtcTime.civil(2030, 1, 2, 3, 4, 5).unix // NS
    # what the write of the other registers took is gone already
    assert rtc.first_tick_s - 0.01 < (ends.next_tick_ns - w.true) / NS <= rtc.first_tick_s + 1e-4
    return f"{rtc.first_tick_s:.4g} s after {'the seconds' if rtc.divider_resets else 'release'}"


def temperature_of(name: str) -> str:
    w, rtc = with_driver(name, temperature_c=31.5)
    w.run(0.5)
    shown = rtc.read().temperature_c
    if shown is None:
        return "none"
    assert shown == 31.5
    register = next(r for r in CHIPS[name].registers if w.chip.file[r] == 31 and CHIPS[name].registers[r].rw == 0)
    return f"0x{register:02X}"


def battery_of(name: str) -> str:
    w, rtc = with_driver(name, backup=False)
    assert rtc.read().trusted
    w.cut(100.0)
    w.run(0.2)
    assert rtc.read().trusted == w.truth.trusted
    kept, _ = with_driver(name, backup=True)
    kept.cut(100.0)
    assert kept.truth.trusted
    return "always" if w.truth.trusted else "off as delivered"


def expected(names: list[str]) -> dict[str, str]:
    """What the front table must say, from drivers and fakes; where chips of one note differ, their values with commas between."""
    each = []
    for name in names:
        _, rtc = with_driver(name)
        assert rtc.default_address == CHIPS[name].address
        each.append(
            {
                "address": f"0x{rtc.default_address:02X}",
                "counters": counters_of(name),
                "time is lost": lost_by(name),
                **trim_of(name),
                "first tick": first_tick_of(name),
                "temperature": temperature_of(name),
                "to the battery": battery_of(name),
            }
        )
    joined = {fact: ", ".join(dict.fromkeys(values[fact] for values in each)) for fact in each[0]}
    return {"chip": ", ".join(f"`{name}`" for name in names), **joined}


def disagreements(rows: dict[str, str], wanted: dict[str, str]) -> list[str]:
    told = {fact: re.sub(r" \(\w+\)$", "", value) if fact == "time is lost" else value for fact, value in rows.items()}
    return [fact for fact in wanted | told if told.get(fact) != wanted.get(fact)]


@pytest.mark.parametrize("note", RTCS, ids=lambda note: note.stem)
def test_note_driver_and_fake_agree(note: Path) -> None:
    rows = {fact: value for fact, (value, _) in front_table(note).items()}
    wanted = expected(names_in(note))
    assert disagreements(rows, wanted) == []
    assert [f for f in FACTS if f in rows] == list(rows), "in the template's order"
    assert set(FACTS) - set(rows) <= TRIM_FACTS
    # the control: each fact told otherwise is found
    for fact, value in rows.items():
        assert disagreements({**rows, fact: value + "0"}, wanted) == [fact]


def test_each_chip_has_one_note() -> None:
    named = Counter(name for note in RTCS for name in names_in(note))
    assert named == Counter(list(FAMILIES)) == Counter(list(CHIPS))
    assert names_in(NOTES / "rtc" / "TEMPLATE.md") == []


def test_the_template_has_the_facts_that_are_checked() -> None:
    assert list(front_table(NOTES / "rtc" / "TEMPLATE.md")) == FACTS


def test_each_note_is_in_the_list() -> None:
    listed = re.findall(r"\(rtc/([\w-]+\.md)\)", (NOTES / "README.md").read_text(encoding="utf-8"))
    assert sorted(set(listed) - {"TEMPLATE.md"}) == [note.name for note in RTCS]


@pytest.mark.parametrize("family", sorted(set(FAMILIES.values()), key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_each_driver_names_its_note(family: type[RtcChip]) -> None:
    """And the note exists."""
    module = __import__(family.__module__, fromlist=["__doc__"])
    named = re.findall(r"(?:firmware_notes/rtc/)?(\w+)\.md", module.__doc__ or "")
    assert named
    assert set(named) <= {note.stem for note in RTCS}
