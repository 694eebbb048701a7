"""gpsd as a source: drivers, reader and Engine against a fake gpsd on loopback, on a virtual clock."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from ports import SOON_S, Virtual, simulated

from gpstime.app.catalogue import receiver
from gpstime.app.settings import Config, Receiver
from gpstime.app.sources import PpsSource, SerialSource
from gpstime.core.engine import Engine
from gpstime.core.gpsd import LONGEST, Gpsd
from gpstime.core.leap import BUILT_IN
from gpstime.drivers.gpsd import GpsdPort, GpsdPulse, address
from gpstime.drivers.system_clock import Converter
from gpstime.errors import DeviceError, DeviceMissing, UsageError
from gpstime.model import DeviceFound, DeviceLost, Epoch, Event, Label, Offset, PpsEdge, Rejected, SerialBytes
from gpstime.ports import Together
from gpstime.sim.clock import SimClock
from gpstime.sim.fake_gpsd import FakeGpsd, Report, reports
from gpstime.sim.world import SimWorld
from gpstime.times import NS, RawNs, UnixNs

TOFF = (
    b'{"class":"TOFF","device":"/dev/pts/0","real_sec":1772366401, "real_nsec":0,"clock_sec":1795513094,"clock_nsec":631468090}\r\n'
)
"""As gpsd 3.22 sent it."""
TPV = b'{"class":"TPV","device":"/dev/pts/0","mode":3,"time":"2026-03-01T12:00:01.000Z","ept":0.005,"lat":51.477863833}\r\n'


@dataclass
class SimClocks:
    """Fits `ports.Clocks`: a simulated board's clocks at a virtual instant."""

    time: Virtual
    clock: SimClock

    def read(self) -> Together:
        raw = RawNs(self.time.at)
        return Together(raw, self.clock.shown(raw), self.clock.mono(raw), 100)


@dataclass
class Beside:
    """A simulated world whose receiver a fake gpsd owns, and both doors to it, in turns on a virtual clock."""

    world: SimWorld
    toff: bool = True

    def __post_init__(self) -> None:
        self.time = Virtual()
        self.clocks = SimClocks(self.time, self.world.clock)
        self.due: list[Report] = list(reports(self.world.events(), self.world.clock.shown, self.toff))
        self.gpsd = FakeGpsd(())
        self.port = GpsdPort(self.clocks, port=self.gpsd.port, time=self.time)
        self.pulse = GpsdPulse(port=self.gpsd.port, time=self.time)
        self.time.at = self.due[0][0]
        greeted(self.gpsd, self.port, self.pulse)

    def events(self) -> Iterator[Event]:
        """What the two drivers give; each report is read when it is sent."""
        for at, report in self.due:
            self.time.at = at
            self.gpsd.send(report)
            portion = self.port.read(SOON_S)
            if portion is not None:
                yield portion
            stamp = self.pulse.wait(SOON_S) if report["class"] != "TPV" else None
            if stamp is not None:
                now = self.clocks.read()
                yield PpsEdge(
                    RawNs(now.raw - (now.real - stamp.stamp)), UnixNs(stamp.stamp), seq=stamp.seq, stamped_by=stamp.stamped_by
                )

    def close(self) -> None:
        self.port.close()
        self.pulse.close()
        self.gpsd.close()


def greeted(gpsd: FakeGpsd, port: GpsdPort, pulse: GpsdPulse | None = None) -> None:
    """Connect and read what gpsd says to a new client: VERSION, DEVICES, WATCH."""
    port.open()
    if pulse is not None:
        pulse.open()
    gpsd.greet()  # the door
    gpsd.greet()  # what they ask
    for _ in range(3):
        assert port.read(SOON_S) is None
        assert pulse is None or pulse.wait(SOON_S) is None


def thought(events: Iterator[Event]) -> tuple[Engine, list[object]]:
    engine = Engine(BUILT_IN.table)
    return engine, [finding for event in events for finding in engine.on(event)[0]]


# ---- through the driver into the Engine --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("baud", "delay_ms"), [(38400, 150), (9600, 150), (9600, 450)])
def test_through_gpsd_the_engine_finds_the_same(baud: int, delay_ms: float) -> None:
    """Each pulse gets its true second, and the true frequency lies in the interval, also where bursts end after the next pulse."""
    beside = Beside(simulated(duration_s=300, baud=baud, delay_ms=delay_ms))
    engine, findings = thought(beside.events())
    truth = beside.world.truth
    assert engine.pairing.label is Label.OK, engine.pairing.why
    offsets = [f for f in findings if isinstance(f, Offset)]
    named = [f for f in offsets if f.second is not None]
    assert len(offsets) >= 298
    assert len(named) > 250
    for offset in named:
        pulse = truth.find(offset.at)
        assert pulse is not None
        assert offset.second == truth.utc(pulse.k)
    last = engine.drift.estimate(offsets[-1].at)
    true = truth.mean_ppb()
    assert last is not None
    assert true is not None
    assert last.mean_lo_ppb - 20 <= true <= last.mean_hi_ppb + 20
    delay = engine.pairing.delay
    assert delay is not None
    assert delay.median_ns / 1e6 == pytest.approx(delay_ms, abs=20)
    assert beside.port.unusable == 0
    sentences = {f.sentence for f in findings if isinstance(f, Epoch) and f.valid}
    assert sentences == {"gpsd-TOFF"}
    beside.close()


@pytest.mark.parametrize("delay_ms", [150, 450])
def test_tpv_alone_names_no_second(delay_ms: float) -> None:
    """The end of the burst is all that it tells: at 450 ms and 9600 baud that lies after the next pulse, and looks like 170 ms."""
    beside = Beside(simulated(duration_s=120, baud=9600, delay_ms=delay_ms), toff=False)
    engine, findings = thought(beside.events())
    assert [f for f in findings if isinstance(f, Offset) and f.second is not None] == []
    assert engine.pairing.fix is True
    assert engine.drift.n > 100, "the pulses count all the same"
    assert ["no TOFF" in note for note in beside.port.notes()] == [False, True], "after the words about its release"
    beside.close()


def test_no_fix_is_said_and_names_nothing() -> None:
    """F-D07: TPV without a time, mode 0 or 1; then a fix."""
    beside = Beside(simulated(duration_s=200, faults=("cold-start",)))
    engine, findings = thought(beside.events())
    assert any(isinstance(f, Rejected) and f.reason in ("no-time", "no-fix") for f in findings)
    assert engine.pairing.label is not Label.OK, "the leap second count after a cold start is not verified yet"
    assert engine.pairing.fix is True
    beside.close()


# ---- the reader --------------------------------------------------------------------------------------------------------------


def test_as_sources_of_a_live_world_from_a_configuration() -> None:
    """`receiver.source = "gpsd"`: port and pulse as the service fits them, through the real conversion of stamps."""
    world = simulated(duration_s=120, baud=38400)
    due: list[Report] = list(reports(world.events(), world.clock.shown))
    gpsd, time = FakeGpsd(()), Virtual(due[0][0] - NS)
    clocks = SimClocks(time, world.clock)
    config = Config(receiver=Receiver(source="gpsd", gpsd=f"127.0.0.1:{gpsd.port}"))
    port = receiver(config, time, clocks)  # type: ignore[arg-type]
    assert isinstance(port, GpsdPort)
    pulse = GpsdPulse(port=gpsd.port, time=time)
    pulse.open()
    serial = SerialSource(port, time)
    pps = PpsSource(lambda: pulse, clocks, Converter().convert, time)
    events = serial.poll(0) + pps.poll(0)
    gpsd.greet()
    gpsd.greet()
    for _ in range(3):
        events += serial.poll(SOON_S) + pps.poll(SOON_S)
    for at, report in due:
        time.at = at
        gpsd.send(report)
        events += serial.poll(SOON_S)
        if report["class"] != "TPV":
            events += pps.poll(SOON_S)
    engine, findings = thought(iter(events))
    assert engine.pairing.label is Label.OK, engine.pairing.why
    named = [f for f in findings if isinstance(f, Offset) and f.second is not None]
    assert len(named) > 90
    for offset in named:
        pulse_k = world.truth.find(offset.at)
        assert pulse_k is not None
        assert offset.second == world.truth.utc(pulse_k.k)
    assert sum(isinstance(e, DeviceFound) for e in events) == 2
    gpsd.stop()
    (lost,) = [e for e in serial.poll(SOON_S) if isinstance(e, DeviceLost)]
    assert "systemctl" in lost.reason or "restarted" in lost.reason
    serial.close()
    pps.close()


def test_what_the_real_gpsd_sent_is_read() -> None:
    gpsd = Gpsd()
    assert gpsd.feed(TOFF, RawNs(5)) == [], "no word of a fix yet"
    (first,) = gpsd.feed(TPV, RawNs(9))
    assert isinstance(first, Epoch)
    assert (first.valid, first.fix) == (False, True)
    (epoch,) = gpsd.feed(TOFF.replace(b"6401", b"6402"), RawNs(NS))
    assert isinstance(epoch, Epoch)
    assert (epoch.second.iso(), epoch.burst_at, epoch.valid) == ("2026-03-01T12:00:02Z", NS, True)


def test_tpv_tells_of_each_second_once_and_vouches_for_none() -> None:
    gpsd = Gpsd()
    found = [f for k in range(3) for f in gpsd.feed(TPV, RawNs(k))]
    assert [(f.second.iso(), f.valid, f.fix) for f in found if isinstance(f, Epoch)] == [("2026-03-01T12:00:01Z", False, True)]


@pytest.mark.parametrize("mode", [b"0", b"1"])
def test_mode_0_and_1_are_no_fix(mode: bytes) -> None:
    gpsd = Gpsd()
    (found,) = gpsd.feed(TPV.replace(b'"mode":3', b'"mode":' + mode), RawNs(1))
    assert isinstance(found, Epoch)
    assert (found.valid, found.fix) == (False, False)
    (refused,) = gpsd.feed(b'{"class":"TPV","device":"/dev/pts/0","mode":' + mode + b"}\n", RawNs(2))
    assert isinstance(refused, Rejected)
    assert refused.reason == "no-time"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{\n", "malformed"),
        (b"[1]\n", "malformed"),
        (b"\xff\xfe{}\n", "malformed"),
        (b"[" * 9000 + b"\n", "malformed"),
        (b'{"class":"TPV","mode":3,"time":"yesterday"}\n', "bad-time"),
        (b'{"class":"TPV","mode":3,"time":"2026-02-30T00:00:00.000Z"}\n', "bad-time"),
        (b'{"class":"TOFF","real_sec":1e9,"real_nsec":0}\n', "bad-time"),
        (b'{"class":"TOFF","real_sec":-1,"real_nsec":0}\n', "bad-time"),
        (b'{"class":"TOFF","real_sec":' + b"9" * 5000 + b"}\n", "malformed"),
        (b"x" * (LONGEST + 1), "too-long"),
    ],
)
def test_rubbish_is_refused_and_the_next_line_is_read(line: bytes, reason: str) -> None:
    gpsd = Gpsd()
    (found,) = gpsd.feed(line, RawNs(1))
    assert isinstance(found, Rejected)
    assert found.reason == reason
    assert len(found.raw) <= 128
    if not line.endswith(b"\n"):
        assert gpsd.feed(b"y" * LONGEST * 3 + b"\n", RawNs(2)) == []
    (epoch,) = gpsd.feed(TPV, RawNs(3))
    assert isinstance(epoch, Epoch)


def test_portions_change_nothing() -> None:
    stream = (TPV + TOFF + b"{}\r\n" + TPV.replace(b":01.000", b":02.000")) * 2
    whole = Gpsd().feed(stream, RawNs(7))
    gpsd = Gpsd()
    assert [f for i in range(len(stream)) for f in gpsd.feed(stream[i : i + 1], RawNs(7))] == whole


# ---- the connection ----------------------------------------------------------------------------------------------------------


def test_no_gpsd_is_said_with_a_remedy_and_it_may_come_later() -> None:
    gpsd = FakeGpsd([])
    number = gpsd.port
    gpsd.close()
    time = Virtual()
    port = GpsdPort(SimClocks(time, SimClock(0, 0)), port=number, time=time)
    for _ in range(3):
        with pytest.raises(DeviceMissing, match="systemctl start gpsd"):
            port.read(10.0)
    assert sum(time.slept) == pytest.approx(30, abs=1)
    port.close()


def test_a_restarted_gpsd_is_found_again() -> None:
    time = Virtual()
    gpsd = FakeGpsd([])
    clocks = SimClocks(time, SimClock(0, 0))
    port = GpsdPort(clocks, port=gpsd.port, time=time)
    greeted(gpsd, port)
    gpsd.send({"class": "TPV", "mode": 1})
    assert port.read(SOON_S) is not None
    number = gpsd.port
    gpsd.stop()
    with pytest.raises(DeviceMissing, match="stopped or restarted"):
        port.read(SOON_S)
    with pytest.raises(DeviceMissing):
        port.read(1.0)
    gpsd = FakeGpsd([], port=number)
    time.at += 10 * NS
    assert port.read(0) is None
    gpsd.greet()
    gpsd.greet()
    for _ in range(3):
        assert port.read(SOON_S) is None
    gpsd.send({"class": "TPV", "mode": 1})
    assert port.read(SOON_S) is not None
    port.close()
    gpsd.close()


def test_a_gpsd_without_receiver_and_a_silent_one_are_said() -> None:
    time = Virtual()
    clocks = SimClocks(time, SimClock(0, 0))
    gpsd = FakeGpsd([], devices=())
    port = GpsdPort(clocks, port=gpsd.port, time=time)
    greeted(gpsd, port)
    notes = port.notes()
    assert any("DEVICES=" in note for note in notes), notes
    time.at += 11 * NS
    assert port.read(0) is None
    assert ["no time for 10 s" in note for note in port.notes()] == [True]
    time.at += 60 * NS
    assert port.read(0) is None
    assert port.notes() == [], "said once"
    port.close()
    gpsd.close()


def test_a_stamp_that_cannot_be_is_not_used() -> None:
    """The system clock was stepped between gpsd's stamp and our reading: the burst did not begin a day ago."""
    time = Virtual()
    clock = SimClock(time.at, 1_795_513_094 * NS)
    gpsd = FakeGpsd([])
    port = GpsdPort(SimClocks(time, clock), port=gpsd.port, time=time)
    greeted(gpsd, port)
    toff = {"class": "TOFF", "device": "x", "real_sec": 1772366401, "real_nsec": 0}
    for stamp_s, used in ((-1, True), (-86400, False), (86400, False)):
        gpsd.send(toff | {"clock_sec": 1_795_513_094 + stamp_s, "clock_nsec": 0})
        portion = port.read(SOON_S)
        assert (portion is not None) is used
        assert portion is None or portion == SerialBytes(RawNs(time.at - NS), portion.data, "gpsd")
    assert port.unusable == 2
    port.close()
    gpsd.close()


def test_only_one_device_gives_the_pulse() -> None:
    time = Virtual()
    gpsd = FakeGpsd([])
    pulse = GpsdPulse(port=gpsd.port, time=time)
    port = GpsdPort(SimClocks(time, SimClock(0, 0)), port=gpsd.port, time=time)
    greeted(gpsd, port, pulse)
    got = []
    for k, device in enumerate(("/dev/pps0", "/dev/pps1", "/dev/pps0", "/dev/pps0")):
        gpsd.send({"class": "PPS", "device": device, "clock_sec": 100 + min(k, 2), "clock_nsec": 5, "real_sec": 1, "real_nsec": 0})
        got.append(pulse.wait(SOON_S))
    assert [None if s is None else (s.native, s.stamp, s.seq, s.stamped_by) for s in got] == [
        ("real", 100 * NS + 5, 1, "gpsd"),
        None,
        ("real", 102 * NS + 5, 2, "gpsd"),
        None,
    ]
    with pytest.raises(DeviceError, match="owns the receiver"):
        port.write(b"$PMTK000*32\r\n")
    port.close()
    pulse.close()
    gpsd.close()


def test_addresses() -> None:
    assert address("localhost:2947") == ("localhost", 2947)
    assert address("pi.lan") == ("pi.lan", 2947)
    assert address(":3000") == ("127.0.0.1", 3000)
    assert address("[::1]:3000") == ("::1", 3000)
    assert address("[::1]") == ("::1", 2947)
    for wrong in ("pi:gps", "gpsd://pi", "pi:0", "pi:70000", "a b"):
        with pytest.raises(UsageError, match="localhost:2947"):
            address(wrong)


class SpacedGpsd(FakeGpsd):
    """Another that speaks gpsd's protocol: keys in another order, blanks between them."""

    @staticmethod
    def _tell(client: socket.socket, report: dict[str, object]) -> None:
        client.sendall(json.dumps(dict(reversed(report.items()))).encode() + b"\r\n")


def test_the_order_of_keys_and_blanks_between_them_are_of_no_account() -> None:
    gpsd, time = SpacedGpsd(()), Virtual()
    clocks = SimClocks(time, simulated().clock)
    port, pulse = GpsdPort(clocks, port=gpsd.port, time=time), GpsdPulse(port=gpsd.port, time=time)
    greeted(gpsd, port, pulse)
    shown = clocks.read().real
    clock = {"clock_sec": shown // NS, "clock_nsec": shown % NS}
    gpsd.send({"class": "TPV", "device": "/dev/a", "mode": 3, "time": "2026-03-01T12:00:01.000Z"})
    gpsd.send({"class": "TOFF", "device": "/dev/a", "real_sec": 1772366401, "real_nsec": 0} | clock)
    gpsd.send({"class": "PPS", "device": "/dev/a", "real_sec": 1772366401, "real_nsec": 0} | clock)
    heard = [portion for _ in range(6) if (portion := port.read(SOON_S)) is not None]
    found = [epoch for portion in heard for epoch in Gpsd().feed(portion.data, portion.at)]
    assert len(heard) == 2, found
    assert any(pulse.wait(SOON_S) for _ in range(6))
    for each in (port, pulse, gpsd):
        each.close()
