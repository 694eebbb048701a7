"""The RTC as a source on a virtual clock: edges, losses once, notes once, temperature; the configuration's `[rtc]`."""

from __future__ import annotations

import pytest

from gpstime.app.config import ConfigError, parse
from gpstime.app.rtc_fit import rtc_sources
from gpstime.app.rtc_source import RtcSource
from gpstime.app.rtc_specs import spec_of
from gpstime.app.settings import Rtc
from gpstime.drivers.rtc import open_rtc
from gpstime.errors import RtcUnavailable, UsageError
from gpstime.model import DeviceFound, DeviceLost, Event, Note, RtcReading, Temperature
from gpstime.sim.bus_time import VirtualTime
from gpstime.sim.chips import chip
from gpstime.sim.fake_i2c import FakeI2cBus
from gpstime.sim.machine import FakeMachine
from gpstime.times import NS, UtcTime

NOON = UtcTime.civil(2026, 3, 1, 12)


class Kept(FakeI2cBus):
    closes = 0

    def close(self) -> None:
        self.closes += 1


class Rig:
    """A fake chip, the real driver, the source."""

    def __init__(self, name: str = "ds3231", every_s: float = 60.0, start: UtcTime | None = NOON, **options: object) -> None:
        self.time = VirtualTime(ppm=-7.0)
        self.fake = chip(name, start=start, begin_ns=0, seed=2, **options)
        self.bus = Kept(self.time, {self.fake.address: self.fake})
        self.source = RtcSource(lambda: open_rtc(name, self.bus, time=self.time, baud_hz=self.bus.baud), self.time, every_s)
        self.events: list[Event] = []

    def run(self, seconds: float) -> list[Event]:
        until, seen = self.time.at + round(seconds * NS), len(self.events)
        while self.time.at < until:
            before = self.time.at
            self.events += self.source.poll(min(1.2, (until - before) / NS))
            assert self.time.at - before < 3.0 * NS, "a poll blocks a little longer than it was given at most"
            if self.time.at == before:
                self.time.run_to(before + 1000)
        return self.events[seen:]

    def of(self, kind: type) -> list:
        return [e for e in self.events if isinstance(e, kind)]


def test_edges_with_names_temperature_and_a_first_reading() -> None:
    rig = Rig(ppm=1.5)
    rig.run(900)
    first, *edges = rig.of(RtcReading)
    assert not first.edge
    assert len(edges) > 30
    for e in edges:
        assert e.edge
        assert e.trusted
        assert e.temperature_c == 25.0
        true = rig.time.true_ns(e.at)
        off = e.shown.unix - NOON.unix - round(true * (1 + 1.5e-6))
        assert abs(off) <= e.err_ns + 2_000  # whole seconds named right, and the truth inside
        assert e.err_ns < 500_000
    assert len(rig.of(Temperature)) == pytest.approx(15, abs=2)
    assert rig.bus.written == []


def test_a_loss_is_one_event_and_so_is_the_return() -> None:
    rig = Rig()
    rig.run(120)
    rig.bus.unplug(rig.fake.address)
    gone = rig.run(600)
    assert [type(e) for e in gone] == [DeviceLost]
    assert "errno 121" in gone[0].reason
    assert "UNAVAILABLE" in gone[0].reason
    assert len(rig.bus.log) < 400, "a dead bus is not hammered"
    rig.bus.plug(rig.fake.address, rig.fake)
    back = rig.run(120)
    assert isinstance(back[0], DeviceFound)
    assert "back" in back[0].reason
    assert any(isinstance(e, RtcReading) and e.edge for e in back)
    assert rig.bus.closes >= 1


def test_open_says_at_once_what_a_poll_would_make_an_event_of() -> None:
    rig = Rig()
    rig.bus.unplug(rig.fake.address)
    with pytest.raises(RtcUnavailable):
        rig.source.open()
    with pytest.raises(RtcUnavailable):
        open_rtc("ds3231", rig.bus, time=rig.time).read()


def test_registers_without_a_time_are_said_once() -> None:
    rig = Rig("pcf8523", start=None)
    rig.run(300)
    said = [n.text for n in rig.of(Note)]
    edges = [e for e in rig.of(RtcReading) if e.edge]
    assert len(said) <= 1
    assert all(not e.trusted for e in edges)


def test_another_device_at_the_address_is_said_once() -> None:
    rig = Rig()

    class Stuck:
        """Gives 0xFF, whatever is asked."""

        def begin(self, at: int, reading: bool) -> bool:
            return True

        def take(self, at: int, value: int) -> bool:
            return True

        def give(self, at: int) -> int:
            return 0xFF

        def end(self, at: int) -> None: ...

    rig.bus.devices[rig.fake.address] = Stuck()
    rig.run(120)
    notes = [n.text for n in rig.of(Note)]
    assert len(notes) == 1
    assert "holds no second" in notes[0]
    assert [e for e in rig.of(RtcReading) if e.edge] == []


# ---- the configuration -----------------------------------------------------------------------------------------------------------


def test_the_section_of_the_file() -> None:
    config = parse('[rtc]\nchip = "RV-3028"\nbus = 3\naddress = 0x52\nevery_s = "2m"\n', "x")
    assert (config.rtc.chip, config.rtc.bus, config.rtc.address, config.rtc.every_s) == ("rv3028", 3, 0x52, 120.0)
    assert parse("", "x").rtc.chip == "none"
    with pytest.raises(ConfigError, match=r"x:2: \[rtc\] chip can't be .*ds3231.*kernel"):
        parse('[rtc]\nchip = "ds9999"\n', "x")
    with pytest.raises(ConfigError, match="I2C address"):
        parse("[rtc]\naddress = 200\n", "x")


def test_an_output_at_the_kernel_needs_its_name() -> None:
    machine = FakeMachine()
    with pytest.raises(UsageError, match="sqw_device"):
        rtc_sources(Rtc(chip="ds3231", sqw="kernel"), machine, machine)
    sources, trim_of = rtc_sources(Rtc(chip="ds3231", sqw="kernel", sqw_device="pps@1b.-1"), machine, machine)
    assert [s.name for s in sources] == ["rtc", "rtc-sqw"]
    assert trim_of("ds3231") is None, "not open yet"


def test_what_a_recorded_chip_does_is_known_from_its_name() -> None:
    pulsed, smooth = spec_of("pcf8523"), spec_of("ds3231")
    assert pulsed is not None
    assert pulsed.acts == "pulses"
    assert smooth is not None
    assert smooth.acts == "continuous"
    assert spec_of("ds1307") is None
    assert spec_of("rtc-ds1307") is None
    assert spec_of("") is None
