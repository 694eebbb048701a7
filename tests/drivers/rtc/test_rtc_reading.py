"""The real drivers read the fakes: the right time at the right instant, over rollovers and torn copies, and nothing is moved."""

from __future__ import annotations

import random

import pytest
from wired_rtc import START, WiredRtc, floor_second

from gpstime.drivers.rtc import NO_TIME
from gpstime.drivers.rtc.bus_chip import BusChip
from gpstime.drivers.rtc.wire import Transfer
from gpstime.sim.chips import CHIPS
from gpstime.times import NS, UtcTime

NAMES = list(CHIPS)


@pytest.mark.parametrize("speed", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_the_time_is_right_within_what_it_claims(name: str, speed: bool) -> None:
    """Near a rollover most of the time: what is shown was shown somewhere within +-err_ns of `at`, for every reading."""
    wired, draw = WiredRtc(name, speed=speed, ppm=20.0, seed=4), random.Random(7)
    grain = wired.rtc.resolution_ns
    for _ in range(150):
        ahead = wired.truth.next_tick_ns - wired.time.true_now
        wired.sleep(max(0, ahead - draw.randrange(4_000_000)) / NS if draw.random() < 0.8 else draw.random() * 3)
        reading = wired.rtc.read()
        assert reading.trusted
        first, last = (wired.shows_at(reading.at + side * reading.err_ns) // grain * grain for side in (-1, 1))
        assert first <= reading.shown.unix <= last, reading
        assert reading.err_ns < (600_000 if speed else 1_100_000)


def test_the_middle_of_a_read_is_late() -> None:
    """A DS3231 shows what it held at START: who stamps its reading with the middle of the seven bytes is 0.3 ms late or more."""
    wired = WiredRtc("ds3231", seed=1)
    late = []
    for _ in range(30):
        wired.sleep(0.7)
        before = wired.time.at
        wired.bus.read_i2c_block_data(0x68, 0x00, 7)
        middle = (before + wired.time.at) // 2
        # START, and the repeated START after the address and the register
        late.append(middle - (before + wired.bus.overhead_ns + 2 * 9 * 10_000))
    assert min(late) > 250_000
    poll = wired.rtc.read()
    assert poll.err_ns < 200_000, "the driver's own interval is around the START"


@pytest.mark.parametrize("name", NAMES)
def test_a_read_moves_nothing_and_writes_nothing(name: str) -> None:
    """F-R17: a thousand reads and polls on end; the chip still counts what its crystal counts."""
    wired = WiredRtc(name, ppm=3.0)
    before = wired.truth
    for i in range(1000):
        if i % 3 == 0:
            wired.rtc.read()
        else:
            wired.rtc.poll_seconds()
    wired.rtc.status()
    after = wired.truth
    assert before.shows is not None
    assert after.shows is not None
    assert after.shows.unix - before.shows.unix == pytest.approx(after.elapsed_ns - before.elapsed_ns, abs=2)
    assert wired.bus.written == []


class Plain(BusChip):
    """The control: the same driver that takes any block as it comes."""

    def _untorn(self) -> Transfer:
        return self._block()


def readings_at_rollovers(wired: WiredRtc) -> list[int]:
    """How wrong readings are whose transfer lies across a minute's end, in ns."""
    wrong = []
    for i in range(120):
        second = wired.truth.shows
        assert second is not None
        whole = second.ns_of_day // NS % 60
        wired.sleep(59 - whole if whole < 59 else 60)
        ahead = wired.truth.next_tick_ns - wired.time.true_now
        wired.sleep(max(0, ahead - 1_300_000 + i * 12_000) / NS)
        reading = wired.rtc.read()
        first, last = (floor_second(wired.shows_at(reading.at + side * reading.err_ns)) for side in (-1, 1))
        shown = floor_second(reading.shown.unix)
        wrong.append(0 if first <= shown <= last else min(abs(shown - first), abs(shown - last)))
    return wrong


@pytest.mark.parametrize("name", ["ds3231", "rv8803"])
def test_a_torn_read_is_never_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """F-R05: a copy of a DS3231 that does not latch, and an RV-8803, which never does."""
    torn = {"torn": True} if name == "ds3231" else {}
    assert set(readings_at_rollovers(WiredRtc(name, seed=3, **torn))) == {0}
    # the twin without the second look is a minute or a second wrong at some of them
    monkeypatch.setattr(BusChip, "_untorn", Plain._untorn)
    assert max(readings_at_rollovers(WiredRtc(name, seed=3, **torn))) >= NS


def test_hundredths() -> None:
    wired = WiredRtc("rv8803", start=START)
    wired.sleep(0.337)
    reading = wired.rtc.read()
    assert reading.resolution_ns == 10_000_000
    assert reading.shown.ns_of_day % 10_000_000 == 0
    assert abs(wired.shows_at(reading.at) - reading.shown.unix - 5_000_000) <= 5_000_000 + reading.err_ns


@pytest.mark.parametrize("name", NAMES)
def test_seconds_that_are_none(name: str) -> None:
    """F-R06: 73 to 89 in the seconds, as others have left them there."""
    for left in (0x73, 0x5A, 0x60, 0x7F):
        wired = WiredRtc(name)
        wired.chip.poke(wired.rtc.layout.seconds, left)
        reading = wired.rtc.read()
        assert reading.shown == NO_TIME
        assert not reading.trusted
        assert f"no such second (0x{left:02X})" in wired.rtc.doubt.replace(f"0x{left | 0x80:02X}", f"0x{left:02X}")
        assert wired.rtc.poll_seconds().second is None


@pytest.mark.parametrize("name", ["ds3231", "ds1307"])
def test_century_and_twelve_hours(name: str) -> None:
    """F-R07: the kernel's century bit on the month; 8 PM in the 12-hour mode."""
    wired = WiredRtc(name, start=UtcTime.civil(2026, 11, 24, 20, 0, 0))
    wired.chip.poke(0x05, 0x91)
    wired.chip.poke(0x02, 0x68)
    assert wired.rtc.read().shown.iso() == "2026-11-24T20:00:00Z"
    wired.chip.poke(0x02, 0x72)
    assert wired.rtc.read().shown.iso() == "2026-11-24T12:00:00Z"
    wired.chip.poke(0x02, 0x52)
    assert wired.rtc.read().shown.iso() == "2026-11-24T00:00:00Z"


def test_temperature_and_aging() -> None:
    wired = WiredRtc("ds3231", temperature_c=-7.25)
    wired.sleep(70)
    wired.chip.poke(0x10, 0xF6)
    reading = wired.rtc.read()
    assert (reading.temperature_c, reading.aging) == (-7.25, -10)
