"""Every chip over any contents of its registers: what is told, what is trusted, that nothing raises and nothing is written (P16).

The expectation is worked out here from each maker's table of bits, in decimal strings, and shares nothing with the driver.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from register_bus import Clock, RegisterBus

import gpstime
from gpstime.drivers.rtc import NO_TIME, RtcChip
from gpstime.errors import UsageError
from gpstime.times import UtcTime

Raw = list[int]


@dataclass(frozen=True)
class Table:
    """What the datasheet says. `twelve`: the hours are those of a 12-hour clock; `distrusted`: a flag speaks against the time."""

    address: int
    seconds: int
    date_first: bool
    twelve: Callable[[Raw], bool]
    distrusted: Callable[[Raw], bool]
    hundredths: int | None = None


def bit(register: int, mask: int) -> Callable[[Raw], bool]:
    return lambda raw: bool(raw[register] & mask)


def never(raw: Raw) -> bool:
    return False


TABLES = {
    "ds3231": Table(0x68, 0, False, bit(2, 0x40), bit(0x0F, 0x80)),
    "ds3231m": Table(0x68, 0, False, bit(2, 0x40), bit(0x0F, 0x80)),
    "ds3232": Table(0x68, 0, False, bit(2, 0x40), bit(0x0F, 0x80)),
    "ds1307": Table(0x68, 0, False, bit(2, 0x40), bit(0, 0x80)),
    "ds1338": Table(0x68, 0, False, bit(2, 0x40), lambda raw: bool(raw[0] & 0x80 or raw[7] & 0x20)),
    "pcf8523": Table(0x68, 3, True, bit(0, 0x08), lambda raw: bool(raw[3] & 0x80 or raw[0] & 0x20)),
    "pcf8563": Table(0x51, 2, True, never, lambda raw: bool(raw[2] & 0x80 or raw[0] & 0xA0)),
    "pcf85063a": Table(0x51, 4, True, bit(0, 0x02), lambda raw: bool(raw[4] & 0x80 or raw[0] & 0xA0)),
    "rv3028": Table(0x52, 0, False, bit(0x10, 0x02), bit(0x0E, 0x01)),
    "rv8803": Table(0x32, 0, False, never, lambda raw: bool(raw[0x0E] & 0x02 or raw[0x0F] & 0x01), hundredths=0x10),
    "mcp7940n": Table(0x6F, 0, False, bit(2, 0x40), lambda raw: not (raw[0] & 0x80 or raw[7] & 0x08) or not raw[3] & 0x20),
}
NAMES = list(TABLES)


def opened(name: str, registers: Raw | None = None) -> tuple[RtcChip, RegisterBus]:
    bus = RegisterBus(TABLES[name].address, registers or ())
    return gpstime.open_rtc(name, bus, time=Clock(1000)), bus


def expected(table: Table, raw: Raw) -> UtcTime | None:
    """By the digits as they are printed."""
    day, month, year = raw[table.seconds + (3 if table.date_first else 4)], raw[table.seconds + 5], raw[table.seconds + 6]
    hour = raw[table.seconds + 2]
    twelve = table.twelve(raw)
    shown = [f"{raw[table.seconds] & 0x7F:x}", f"{raw[table.seconds + 1] & 0x7F:x}", f"{hour & (0x1F if twelve else 0x3F):x}"]
    shown += [f"{day & 0x3F:x}", f"{month & 0x1F:x}", f"{year:x}"]
    shown += [] if table.hundredths is None else [f"{raw[table.hundredths]:x}"]
    if not all(digits.isdecimal() for digits in shown):
        return None
    second, minute, h, d, m, y, *rest = (int(digits) for digits in shown)
    if twelve:
        if not 1 <= h <= 12:
            return None
        noon = datetime.datetime.strptime(f"{h} {'PM' if hour & 0x20 else 'AM'}", "%I %p")
        h = noon.hour
    try:
        found = datetime.datetime(2000 + y, m, d, h, minute, second)
    except ValueError:
        return None
    whole = UtcTime.civil(found.year, found.month, found.day, found.hour, found.minute, found.second)
    return UtcTime(whole.day, whole.ns_of_day + (rest[0] if rest else 0) * 10_000_000)


@st.composite
def contents(draw: st.DrawFn, name: str) -> Raw:
    """64 registers: any bytes at all, or a time with some bytes of it spoilt, which any bytes hardly ever are."""
    raw = list(draw(st.binary(min_size=64, max_size=64)))
    if draw(st.booleans()):
        table = TABLES[name]
        digits = st.integers(0, 9)
        for place in range(7):
            raw[table.seconds + place] = draw(digits) | draw(st.integers(0, 5)) << 4
        day = table.seconds + (3 if table.date_first else 4)
        raw[day] = draw(st.sampled_from([0x01, 0x09, 0x10, 0x28, 0x29, 0x30, 0x31, 0xC1]))
        raw[table.seconds + 5] = draw(st.sampled_from([0x01, 0x02, 0x09, 0x10, 0x12, 0x92]))
        raw[table.seconds + 2] = draw(st.sampled_from([0x00, 0x09, 0x12, 0x19, 0x20, 0x23, 0x41, 0x52, 0x61, 0x72, 0x60, 0x53]))
        raw[table.seconds] |= draw(st.sampled_from([0x00, 0x80]))
        for _ in range(draw(st.integers(0, 2))):
            raw[draw(st.integers(0, 31))] = draw(st.integers(0, 255))
    return raw


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=400)
@given(everything=st.data())
def test_any_contents(name: str, everything: st.DataObject) -> None:
    raw = everything.draw(contents(name))
    chip, bus = opened(name, raw)
    reading, status, poll = chip.read(), chip.status(), chip.poll_seconds()
    want = expected(TABLES[name], raw)
    assert reading.shown == (want or NO_TIME)
    assert status.shown == want
    assert reading.trusted == (want is not None and not TABLES[name].distrusted(raw))
    assert bool(chip.doubt) != reading.trusted
    assert status.doubt == chip.doubt
    seconds = f"{raw[TABLES[name].seconds] & 0x7F:02x}"
    assert poll.second == (int(seconds) if seconds.isdecimal() and int(seconds) < 60 else None)
    assert bus.writes == [], "a read never writes"
    assert all(chip.status().registers[r] == raw[r] for r in chip.status().registers)


def test_both_kinds_of_contents_come_up() -> None:
    """The control of the test above: it would say nothing if all contents were times, or none."""
    seen = {name: set[tuple[bool, bool]]() for name in NAMES}

    @settings(max_examples=400, database=None, derandomize=True)
    @given(st.data())
    def look(everything: st.DataObject) -> None:
        for name in NAMES:
            raw = everything.draw(contents(name))
            seen[name].add((expected(TABLES[name], raw) is None, TABLES[name].distrusted(raw)))

    look()
    assert all({(False, False), (False, True), (True, True)} <= kinds for kinds in seen.values()), seen


SECONDS = st.integers(0, 100 * 365 * 86_400 + 24 * 86_400).map(lambda s: UtcTime.from_unix((946_684_800 + s) * 10**9))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150)
@given(second=SECONDS, everything=st.data())
def test_what_is_written_is_read(name: str, second: UtcTime, everything: st.DataObject) -> None:
    """Over anything that stood there before: 12-hour modes, century bits, stopped oscillators, lost power."""
    raw = everything.draw(contents(name))
    raw[0x0E] &= 0x7F  # an EEPROM that is busy for ever is another test
    raw[0x10:0x11] = [0] if name == "rv8803" else raw[0x10:0x11]
    if name == "mcp7940n":
        raw[3] &= ~0x20  # nothing in plain registers would ever clear OSCRUN
    chip, bus = opened(name, raw)
    if second.iso()[:4] == "2100":
        with pytest.raises(UsageError, match="2000 to 2099"):
            chip.write_time(second)
        assert bus.writes == []
        return
    chip.write_time(second)
    reading = chip.read()
    assert reading.shown == second
    if name != "mcp7940n":  # its OSCRUN, again
        assert reading.trusted, chip.doubt
        assert chip.status().power_lost is False
    hours = bus.registers[TABLES[name].seconds + 2]
    assert int(f"{hours:x}") == int(second.iso()[11:13]), "24 hours"


TRIMMED = [name for name in NAMES if opened(name)[0].trim_spec is not None]


@pytest.mark.parametrize("name", TRIMMED)
def test_every_value_of_a_trim_register(name: str) -> None:
    neighbours = {"ds3231": (), "ds3231m": (), "ds3232": (), "mcp7940n": ()}
    spoilt = [0xFF if name not in neighbours else 0x00] * 64
    spoilt[0x0E] = spoilt[0x0F] = 0x00
    chip, bus = opened(name, spoilt)
    bus.done = {0x0E: 0x20} if name.startswith("ds") else {}
    spec = chip.trim_spec
    assert spec is not None
    before = list(bus.registers)
    for value in [*range(spec.lo, spec.hi + 1), 0]:
        chip.write_trim(value)
        assert chip.read_trim() == value
        assert chip.status().trim == value
    # what stands beside the value in its registers is as it was
    if name == "rv3028":
        assert bus.registers[0x37] & 0x7F == before[0x37] & 0x7F
    elif name in ("pcf8523", "pcf85063a"):
        assert {r: bus.registers[r] & 0x80 for r in (0x02, 0x0E)} == {r: before[r] & 0x80 for r in (0x02, 0x0E)}
    elif name == "rv8803":
        assert bus.registers[0x2C] & 0xC0 == before[0x2C] & 0xC0


def test_those_without_a_trim() -> None:
    assert set(NAMES) - set(TRIMMED) == {"ds1307", "ds1338", "pcf8563"}
