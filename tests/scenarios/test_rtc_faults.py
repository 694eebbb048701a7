"""Every fault of clock chips that the field reports (F-R01 to F-R17): what state it leads to, and what is said.

The real drivers on the fake chips on the fake bus, and the commands on top; `truth` is what the fake itself knows.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest
from rtc_benches import bench, truly_ahead_ns, truth

from gpstime.app.rtc_boot import boot
from gpstime.app.rtc_compare import compare
from gpstime.app.rtc_measure import measure_chip
from gpstime.app.rtc_set import set_chip
from gpstime.app.rtc_show import show
from gpstime.app.rtc_sim import SimBench
from gpstime.app.rtc_trim import Known, apply, propose
from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.drivers.rtc import identify, open_rtc
from gpstime.errors import RtcHeld, RtcUnavailable
from gpstime.model import DeviceFound, DeviceLost, Event, Finding, Note, Offset
from gpstime.sim.chips_faulty import SLOW_COPY_PPM, Ds3231Copy, Mpu6050
from gpstime.times import NS, UtcTime

HOUR_S = 3600


class _Stretch:
    """The board's next seconds as a world."""

    def __init__(self, b: SimBench, lasts_s: float) -> None:
        self._b, self._until = b, b.time.at + round(lasts_s * NS)

    def events(self) -> Iterator[Event]:
        for event in self._b._events:
            yield event
            if event.at >= self._until:
                return

    def adjust(self, adjustment: object) -> None:
        raise AssertionError("nobody asks for one")

    def close(self) -> None: ...


def seen(b: SimBench, lasts_s: float) -> tuple[list[Event | Finding], Engine]:
    """All that happens, and what the engine makes of it."""
    values: list[Event | Finding] = []
    engine = Engine(BUILT_IN.table, trim_of=lambda chip: b.chip.trim_spec)
    run(_Stretch(b, lasts_s), engine, [values.append])  # type: ignore[arg-type]
    return values, engine


def swap(b: SimBench, fake: object) -> None:
    """Another device at the chip's address."""
    b.bus.unplug(0x68)
    b.bus.plug(0x68, fake)  # type: ignore[arg-type]


# ---- rates ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "ppm"), [("mcp7940n", 139.0), ("pcf8523", 100.9), ("ds3231", -0.69)])
def test_fr01_each_crystal_has_its_own_error(name: str, ppm: float) -> None:
    m = measure_chip(bench(name, "--rtc-ppm", str(ppm)), HOUR_S)
    assert m.ppm is not None
    assert m.ppm == pytest.approx(ppm, abs=0.05)
    assert (m.trusted, m.breaks, m.why) == (True, (), "")


def test_fr02_warmth_bends_a_tuning_fork_and_is_named() -> None:
    """10 C: 3.4 ppm for a bare fork, which has no thermometer; never averaged in."""
    named = []
    for seed in range(4):
        m = measure_chip(bench("ds1307", "--rtc-ppm", "4.0", "--seed", str(seed), "--fault", "rtc-warm:at=5000s,by=10"), 3 * HOUR_S)
        assert m.ppm is not None
        assert min(abs(m.ppm - 4.0), abs(m.ppm - 0.6)) < 0.05, "that of one of the two stretches"
        (broken,) = m.breaks
        named.append(broken.reason)
        assert "its rate changed" in broken.why or "it was set by" in broken.why
    assert named.count("rate-change") >= 2, "from a minute's warming alone it can't always be told from a small set"


def test_fr02_a_chip_with_a_thermometer_says_that_it_got_warm() -> None:
    m = measure_chip(bench("ds3231", "--rtc-ppm", "4.0", "--fault", "rtc-warm:at=5000s,by=10"), 3 * HOUR_S)
    assert m.ppm == pytest.approx(4.0, abs=0.05), "compensated: nothing came of it"
    assert {b.reason for b in m.breaks} == {"temperature-jump"}
    assert "within ten minutes" in m.breaks[0].why
    assert m.temperature_c is not None
    assert m.temperature_c[1] - m.temperature_c[0] == pytest.approx(10.0, abs=0.5)


def test_fr08_a_copy_that_loses_two_hours_a_day() -> None:
    b = bench("ds3231", "--rtc-ppm", str(SLOW_COPY_PPM))
    values, engine = seen(b, HOUR_S)
    notes = [v.text for v in values if isinstance(v, Note)]
    assert any("no clock's crystal is that far off" in text for text in notes), notes
    assert engine.rtc.track.bus.chain.stretch.drift() is None
    assert engine.drift.estimate(b.time.at) is not None, "the pulses are measured all the same"
    refused = propose(b, Known(SLOW_COPY_PPM, SLOW_COPY_PPM - 1, SLOW_COPY_PPM + 1, 0, "said"))
    assert not refused.plan.worth
    assert "no trim cures it" in refused.plan.why


def test_fr08_a_copy_whose_year_ends_in_september() -> None:
    """2018-12-31 is followed by 2018-09-01: the rate is perfect and the date is nonsense, which a comparison tells."""
    b = bench("ds3231", "--start", "2018-12-31T22:00:00Z")
    copy = Ds3231Copy(start=b._start, begin_ns=0)
    swap(b, copy)
    before = compare(b)
    assert abs(before.ahead_ns) < 2_000_000
    values, _ = seen(b, 3 * HOUR_S)
    after = compare(b)
    assert after.ahead_ns / NS / 86_400 == pytest.approx(-122, abs=0.01)
    assert "set back since" in after.why_not
    assert "SIMULATED" in b.about
    assert values


def test_fr09_a_wrong_oscillator_in_the_firmware() -> None:
    """50 minutes a day: no rate, and a sentence."""
    b = bench("ds1307", "--rtc-ppm", "34722")
    m = measure_chip(b, HOUR_S)
    assert m.ppm is None
    assert "no clock's crystal is that far off" in m.why
    assert b.history.last("measured") is None
    assert m.board is not None, "the Pi's own crystal is measured all the same"


def test_fr10_good_on_mains_and_slow_on_its_battery() -> None:
    """Two hours lost in 40 without mains: the next comparison says that no crystal does that."""
    b = bench("ds1307", "--rtc-ppm", "2.0")
    b.fake.battery_ppm = -50_000.0
    assert abs(compare(b).ahead_ns) < 3_000_000
    b.fake.power_cut(b.time.true_now)
    b.time.sleep(40 * HOUR_S)
    b.fake.power_back(b.time.true_now)
    after = compare(b)
    assert after.ahead_ns / NS == pytest.approx(-7200, rel=0.01)
    assert after.since is None
    assert "no crystal's" in after.why_not
    assert after.trusted, "its flag knows nothing of it"


# ---- power and contents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ds3231", "pcf8523", "rv3028", "mcp7940n", "ds1307"])
def test_fr03_power_up_is_not_believed_until_it_is_set(name: str) -> None:
    b = bench(name, "--rtc-untrusted")
    for _ in range(3):  # reading clears nothing
        found = show(b)
        assert not found.status.trusted
        assert found.status.doubt
    assert boot(b, act=True).why_not.startswith("the chip lost power")
    assert set_chip(b).within
    assert show(b).status.trusted
    assert truth(b).trusted


@pytest.mark.parametrize(("name", "register", "off"), [("pcf8523", 0x02, 0xE0), ("rv3028", 0x37, 0x10)])
def test_fr04_a_battery_that_is_not_switched_to(name: str, register: int, off: int) -> None:
    b = bench(name)
    b.fake.poke(register, off)
    before = show(b)
    assert before.status.backup == "off"
    assert any("forgets the time with the mains" in note for note in before.status.notes), before.status.notes
    b.fake.power_cut(b.time.true_now)
    b.time.sleep(5)
    b.fake.power_back(b.time.true_now)
    after = show(b)
    assert not after.status.trusted
    assert after.status.power_lost


@pytest.mark.parametrize("name", ["ds3231", "rv8803"])
def test_fr05_no_torn_reading_is_told(name: str) -> None:
    """A copy whose registers run on while they are read, around full hours and midnight."""
    b = bench(name, "--start", "2026-02-28T23:59:50Z")
    b.fake._torn = True
    for _ in range(400):
        reading = b.chip.read()
        true = b._start.unix + b.time.true_ns(reading.at)
        assert reading.trusted
        assert -NS < reading.shown.unix - true < NS // 10, reading.shown.iso(2)
        b.time.sleep(0.05)
    assert b.chip.state == "OK"


@pytest.mark.parametrize("seconds", [0x73, 0x69, 0x5A, 0x60])
def test_fr06_seconds_that_are_none(seconds: int) -> None:
    b = bench("ds3231")
    b.time.sleep(0.3)  # away from the turn of a second
    b.chip.read()
    b.fake.poke(0x00, seconds)
    found = show(b)
    assert found.status.shown is None
    assert not found.status.trusted
    assert f"no such second (0x{seconds:02X})" in found.status.doubt


def test_fr07_century_bit_and_twelve_hours() -> None:
    b = bench("ds3231", "--start", "2026-03-01T20:15:00Z")
    b.fake.poke(0x05, b.fake.file[0x05] | 0x80)
    b.fake.poke(0x02, 0x40 | 0x20 | 0x08)
    found = show(b)
    assert found.status.shown is not None
    assert found.status.shown.iso()[:16] == "2026-03-01T20:15"
    assert found.status.trusted
    assert any("century bit" in note for note in found.status.notes)
    assert set_chip(b).within
    assert not b.fake.file[0x02] & 0x40, "written in 24 hours"


# ---- the bus -------------------------------------------------------------------------------------------------------------------


def test_fr11_errors_now_and_then_and_a_bus_that_is_gone() -> None:
    b = bench("ds3231", "--rtc-ppm", "1.5", "--fault", "rtc-errors:at=0s,for=3h,rate=0.01")
    m = measure_chip(b, HOUR_S)
    assert m.ppm == pytest.approx(1.5, abs=0.05)
    assert m.breaks == ()
    assert b.chip.wire.failures == b.chip.wire.retried
    gone = bench("ds3231", "--fault", "rtc-gone:at=600s,for=600s")
    values, engine = seen(gone, HOUR_S)
    lost = [v for v in values if isinstance(v, DeviceLost)]
    assert len(lost) == 1, "once, not each second"
    assert "UNAVAILABLE" in lost[0].reason
    assert "wiring" in lost[0].reason
    assert len([v for v in values if isinstance(v, DeviceFound) and v.source == "rtc"]) == 2
    assert sum(isinstance(v, Offset) for v in values) > 3590, "not one pulse is lost for it"
    drift = engine.drift.estimate(gone.time.at)
    assert drift is not None
    gone.bus.faults.break_down()
    with pytest.raises(RtcUnavailable, match="nobody acknowledges") as told:
        show(gone)
    assert told.value.errno == errno.EREMOTEIO
    assert gone.chip.state == "UNAVAILABLE"


def test_fr12_an_address_that_the_kernel_holds() -> None:
    b = bench("ds3231")
    b.bus.hold(0x68)
    before = len(b.bus.log)
    with pytest.raises(RtcHeld, match="busy") as told:
        show(b)
    assert told.value.errno == errno.EBUSY
    assert "does not force its way past it" in str(told.value)
    assert b.chip.state == "HELD"
    with pytest.raises(RtcHeld):
        b.chip.write_trim(3)
    assert len(b.bus.log) == before, "not one transfer went over the wire"


def test_fr13_the_kernels_rewrite_is_named_and_not_averaged_in() -> None:
    b = bench("ds3231", "--rtc-ppm", "2.5", "--fault", "rtc-rewrite:at=1000s,every=660s,for=3h")
    m = measure_chip(b, 2 * HOUR_S)
    reasons = {br.reason for br in m.breaks}
    assert "kernel-rewrite" in reasons
    assert any("STA_UNSYNC" in br.why for br in m.breaks)
    assert m.ppm is None or abs(m.ppm - 2.5) < 0.3
    # the twin: an estimate that takes no notice of breaks is far off
    values, _ = seen(bench("ds3231", "--rtc-ppm", "2.5", "--fault", "rtc-rewrite:at=100s,every=660s,for=3h"), 2 * HOUR_S)
    edges = [(v.at, v.shown.unix) for v in values if type(v).__name__ == "RtcReading"]
    (a, x), (z, y) = edges[0], edges[-1]
    assert abs(((y - x) - (z - a)) / (z - a) * 1e6 - 2.5) > 0.5


@pytest.mark.parametrize("seed", range(4))
def test_fr14_something_else_at_the_address(seed: int) -> None:
    b = bench("ds3231")
    swap(b, Mpu6050(seed))
    found = identify(b.bus, 0x68, time=b.time)
    assert found.name is None
    assert "motion sensor" in found.why
    open_rtc("ds3231", b.bus, time=b.time).read()
    assert b.bus.written == [], "who reads it under another name changes nothing in it"


def test_fr15_aging_acts_with_the_conversion_that_we_ask_for() -> None:
    b = bench("ds3231", "--rtc-ppm", "3.0")
    b.bus.write_byte_data(0x68, 0x10, 30)  # what others do: the register alone
    b.time.sleep(30)
    assert truth(b).mean_ppm == pytest.approx(3.0), "no effect without a conversion"
    b.bus.write_byte_data(0x68, 0x10, 0)
    done = apply(b, propose(b, Known(3.0, 2.9, 3.1, 0, "said")))
    assert done.taken
    assert truth(b).mean_ppm == pytest.approx(0.0, abs=0.05)


def test_fr16_too_early_at_boot() -> None:
    b = bench("ds3231")
    b.bus.faults.break_down(until_ns=b.time.at + 3 * NS)
    with pytest.raises(RtcUnavailable, match="at boot it may only be too early"):
        boot(b, act=True)
    b.time.sleep(3)
    assert "nothing is known" in boot(b, act=True).why_not, "it answers, and has no history"
    later = bench("ds3231", "--fault", "rtc-gone:at=0s,for=20s")
    values, engine = seen(later, 600)
    assert [v.source for v in values if isinstance(v, DeviceLost)] == ["rtc"]
    assert any(isinstance(v, DeviceFound) and v.source == "rtc" for v in values)
    assert engine.rtc.track.readings > 0


@pytest.mark.parametrize("name", ["ds3231", "pcf8523", "rv8803", "ds1307"])
def test_fr17_reading_never_moves_the_clock(name: str) -> None:
    """A kernel driver once did that, by up to a minute. Ours writes nothing when it reads, a thousand times."""
    b, quiet = bench(name, "--rtc-ppm", "7"), bench(name, "--rtc-ppm", "7")
    for _ in range(250):
        b.chip.read()
        b.chip.status()
        b.chip.poll_seconds()
        b.chip.read_trim()
    assert b.bus.written == []
    quiet.time.run_to(b.time.at)
    assert truly_ahead_ns(b) == pytest.approx(truly_ahead_ns(quiet), abs=20)
    # and where a chip is moved all the same, it is named
    moved = bench(name, "--fault", "rtc-set:at=1500s,ahead=0.4s")
    m = measure_chip(moved, HOUR_S)
    assert [br.reason for br in m.breaks] == ["set"]
    assert "it was set by" in m.breaks[0].why
    assert UtcTime.from_unix(moved.true_unix).iso() > "2026"
