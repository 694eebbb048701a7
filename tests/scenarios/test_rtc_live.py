"""`gpstime rtc` on a live board: pty, made-up kernel and clocks, a fake chip on a fake bus, the real drivers, a virtual clock."""

from __future__ import annotations

import argparse
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from conductor import BOUND, LiveBoard

from gpstime.app import rtc_live
from gpstime.app.live import Turns
from gpstime.app.rtc_boot import boot
from gpstime.app.rtc_compare import compare
from gpstime.app.rtc_live import LiveBench, chip_opener, wanted_chip
from gpstime.app.rtc_measure import measure_chip
from gpstime.app.rtc_second import NoSecond
from gpstime.app.rtc_set import set_chip
from gpstime.app.rtc_show import show
from gpstime.app.rtc_trim import Known, apply, propose, undo
from gpstime.app.settings import Rtc
from gpstime.app.world_time import WorldTime
from gpstime.app.worlds import Machine
from gpstime.cli import _parser
from gpstime.drivers.rtc import Identified, KernelRtc, open_rtc
from gpstime.errors import DeviceError, DeviceMissing, RtcHeld, RtcUnavailable, UsageError
from gpstime.model import Event
from gpstime.ports import Source
from gpstime.sim.bus_time import Coupled
from gpstime.sim.chips import chip
from gpstime.sim.fake_i2c import FakeI2cBus
from gpstime.sim.oscillator import Oscillator
from gpstime.times import NS, RawNs, UnixNs, UtcTime


class Bus(FakeI2cBus):
    """On a board each program opens the bus for itself, and closing it closes nobody else's."""

    def close(self) -> None:
        """Somebody else may still use it."""


class Wired:
    """A live board with a chip on its bus, and the bench that `gpstime rtc` would open there."""

    def __init__(
        self, tmp_path: Path, name: str, ppm: float = 7.0, ahead_s: float = 2.25, lasts_s: int = 240, **board: object
    ) -> None:
        self.board = LiveBoard(tmp_path, duration_s=lasts_s, oscillator=Oscillator(ppm=-12.0), **board)  # type: ignore[arg-type]
        start = self.board.world.scenario.start
        assert start is not None
        self.start = start
        self.time = Coupled(self.board.machine, true_of=WorldTime(self.board.world).true_ns)
        shown = UtcTime.from_unix(start.unix + round(ahead_s * NS))
        self.fake = chip(name, ppm=ppm, start=shown, begin_ns=0)
        self.bus = Bus(self.time, {self.fake.address: self.fake})
        self.told: list[tuple[UnixNs, RawNs]] = []
        config = tmp_path / "gpstime.toml"
        config.write_text(f'[receiver]\nport = "{self.board.link}"\n[record]\nfolder = "{tmp_path / "state"}"\n')
        self.args = options("show", "--config", str(config))
        self.bench = LiveBench(
            self.args,
            open_chip=lambda: open_rtc(name, self.bus, time=self.time, baud_hz=100_000),
            time=self.time,
            machine=self.board.stand_in,
            set_real=lambda unix, at: self.told.append((unix, at)),
        )

    def ahead_ns(self) -> int:
        shows = self.fake.truth_at(self.time.true_now).shows
        assert shows is not None
        return shows.unix - self.start.unix - self.time.true_now


def options(*words: str) -> argparse.Namespace:
    return _parser("rtc").parse_args(["rtc", *words])


def wanted(*words: str) -> Rtc:
    return wanted_chip(options(*words), Rtc())


@pytest.mark.parametrize("name", ["ds3231", "pcf8523", "mcp7940n"])
def test_set_and_compare(tmp_path: Path, name: str) -> None:
    wired = Wired(tmp_path, name)
    before = compare(wired.bench)
    assert before.ahead_ns == pytest.approx(2.25e9, abs=2e6)
    assert before.source == "GPS"
    wired.board.close()
    again = Wired(tmp_path / "again", name) if (tmp_path / "again").mkdir() is None else wired
    done = set_chip(again.bench)
    assert done.within
    assert abs(again.ahead_ns()) < 1_300_000
    again.board.close()
    lines = (tmp_path / "state" / f"rtc-{name}-1-{wired.fake.address:02x}.jsonl").read_text().splitlines()
    assert [json.loads(line)["what"] for line in lines] == ["compared"]


def test_without_sentences_nothing_is_set(tmp_path: Path) -> None:
    wired = Wired(tmp_path, "ds3231", faults=("nmea-silent:at=0s,for=1h",))
    with pytest.raises(NoSecond, match="no verified second"):
        set_chip(wired.bench)
    assert wired.bus.written == []
    assert wired.ahead_ns() == pytest.approx(2.25e9, abs=5e6)
    wired.board.close()


def test_without_a_pulse_it_says_what_is_missing(tmp_path: Path) -> None:
    wired = Wired(tmp_path, "ds3231")
    wired.board.pull_pulse()
    with pytest.raises(DeviceError, match="pulse"):
        set_chip(wired.bench)
    assert wired.bus.written == []
    wired.board.close()


def test_boot_sets_the_clock_only_when_told_to(tmp_path: Path) -> None:
    wired = Wired(tmp_path, "ds3231", ppm=1.0)
    bench = wired.bench
    bench.history.add("measured", "", ppm=1.0, lo=0.9, hi=1.1, trim=0)
    compare(bench)
    wired.board.close()
    wired.board.machine.step(-(10**9) * 86_400 * 40)  # as after a power cut: the clock is weeks back
    dry = boot(bench, act=False)
    assert dry.found is not None
    assert wired.told == []
    done = boot(bench, act=True)
    assert done.done
    assert done.found is not None
    ((unix, at),) = wired.told
    assert abs(unix - (wired.start.unix + wired.time.true_ns(at))) <= done.found.bound_ns


def test_boot_does_not_believe_a_time_before_the_release(tmp_path: Path) -> None:
    wired = Wired(tmp_path, "ds3231", ahead_s=-400 * 86_400.0)
    found = boot(wired.bench, act=True)
    assert found.found is None
    assert "which is past" in found.why_not
    assert wired.bench.not_before() == BOUND
    assert wired.told == []
    wired.board.close()


class ChipFirst(Turns):
    """The live world's turns with a chip that is polled when it wants to be: what is due meanwhile comes after it."""

    def __init__(self, sources: Sequence[Source], board: LiveBoard) -> None:
        self._others, (self._chip,) = sources[:-1], sources[-1:]
        self._board = board
        self.head: dict[str, object] = {}

    def _due(self) -> int | None:
        return min((d for d in (self._board.fake.next_due(), self._board.receiver.next_due) if d is not None), default=None)

    def events(self) -> Iterator[Event]:
        while (due := self._due()) is not None:
            if due > self._board.machine.at:
                yield from self._chip.poll(0.02)
                continue
            self._board.next_due()
            for source in self._others:
                yield from source.poll(0.0)

    def close(self) -> None:
        for source in (*self._others, self._chip):
            source.close()


def test_measure(tmp_path: Path) -> None:
    wired = Wired(tmp_path, "ds3231", ppm=7.0, lasts_s=700)
    stand_in = wired.board.stand_in

    def machine() -> Machine:
        return replace(stand_in(), world=lambda sources, head: ChipFirst(sources, wired.board))

    wired.bench._machine = machine
    m = measure_chip(wired.bench, 400)
    wired.board.close()
    assert m.ppm is not None
    assert m.sure is not None
    assert m.sure[0] <= 7.0 <= m.sure[1]
    assert m.lo_ppm is not None
    assert m.hi_ppm is not None
    assert m.lo_ppm <= 7.0 <= m.hi_ppm < 9.0
    assert m.board is not None
    assert m.board.mean_ppb == pytest.approx(-12_000, abs=20), "both crystals on one axis"
    assert m.against == "gps"
    entry = wired.bench.history.last("measured")
    assert entry is not None
    assert entry.number("ppm") == m.ppm


# ---- while the service runs ------------------------------------------------------------------------------------------------------


def service(wired: Wired, **changes: object) -> Callable[[str], dict[str, object]]:
    """What `gpstime status` would say: the last pulse before now, which is the second that began then."""

    def ask(socket: str) -> dict[str, object]:
        now = wired.time.at
        last = max((e for e in wired.board.pulses if e.at <= now), key=lambda e: e.at, default=wired.board.pulses[0])
        named = wired.board.world.truth.find(last.at)
        assert named is not None
        told = {"label": "ok", "why": "all is well", "freq_ppb": -12_000.0}
        return told | {"last_labelled": named.utc.iso(), "last_labelled_t": last.at} | changes

    return ask


def test_the_service_is_asked_where_it_runs(tmp_path: Path) -> None:
    """It holds the receiver's port: its second is taken, and no device is opened."""
    wired = Wired(tmp_path, "ds3231")
    wired.time.sleep(30)
    wired.bench._ask = service(wired)
    wired.bench._machine = lambda: pytest.fail("a device was looked for")
    done = set_chip(wired.bench)
    assert done.source == "the service's GPS"
    assert done.within
    assert abs(wired.ahead_ns()) < 1_200_000
    wired.board.close()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"label": "ambiguous", "why": "sentences come late"}, "sentences come late"),
        ({"last_labelled_t": None}, "no verified second"),
        ({"last_labelled_t": 5, "last_labelled": "2027-03-01T12:00:00Z"}, "s old"),
    ],
)
def test_a_service_without_a_second(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    wired = Wired(tmp_path, "ds3231")
    wired.bench._ask = service(wired, **changes)
    with pytest.raises(NoSecond, match=says):
        set_chip(wired.bench)
    assert wired.bus.written == []
    wired.board.close()


def test_a_service_that_was_killed(tmp_path: Path) -> None:
    """Its socket is still there; nobody listens: then the devices are looked at."""
    wired = Wired(tmp_path, "ds3231")

    def nobody(socket: str) -> dict[str, object]:
        raise DeviceMissing("no gpstime run listens")

    wired.bench._ask = nobody
    assert compare(wired.bench).source == "GPS"
    wired.board.close()


# ---- which chip ----------------------------------------------------------------------------------------------------------------


def looks(monkeypatch: pytest.MonkeyPatch, answers: dict[int, Identified | Exception]) -> None:
    def identify(bus: int, address: int) -> Identified:
        answer = answers.get(address, RtcUnavailable("nobody acknowledges", 121))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(rtc_live, "identify", identify)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({}, "no clock chip answers on bus 1"),
        ({0x68: Identified(None, True, "register 0x75 says MPU-6050: a motion sensor, not a clock.")}, "motion sensor"),
        ({0x68: Identified("ds3231", True, "its registers repeat", ("ds3231m",))}, "ds3231 or ds3231m"),
        ({0x51: Identified("pcf8563", False, "nothing proves it.")}, "--chip"),
    ],
)
def test_a_doubt_is_asked_not_guessed(
    monkeypatch: pytest.MonkeyPatch, answers: dict[int, Identified | Exception], says: str
) -> None:
    looks(monkeypatch, answers)
    with pytest.raises(UsageError, match=says):
        chip_opener(wanted("show"))


def test_options_before_the_configuration() -> None:
    rtc = Rtc(chip="pcf8523", bus=3, address=0x52)
    assert wanted_chip(options("show"), rtc) == rtc
    named = wanted_chip(options("show", "--chip", "ds3231", "--bus", "0", "--address", "0x57"), rtc)
    assert (named.chip, named.bus, named.address) == ("ds3231", 0, 0x57)


def test_what_is_sure_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, int, int]] = []
    looks(monkeypatch, {0x52: Identified("rv3028", True, "its ID")})
    monkeypatch.setattr(rtc_live, "open_rtc", lambda name, bus, address: opened.append((name, bus, address)))
    chip_opener(wanted("show", "--bus", "3"))()
    assert opened == [("rv3028", 3, 0x52)]


class Answers:
    """A chip that was named, and answers."""

    name, address, family = "ds3231", 0x68, "ds3231"

    def read(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Identified(None, True, "register 0x75 says MPU-6050: a motion sensor, not a clock."), "no ds3231: register 0x75"),
        (Identified("pcf8523", True, "its registers repeat"), "--chip pcf8523"),
    ],
)
def test_a_named_chip_that_is_surely_another_is_not_written_to(
    monkeypatch: pytest.MonkeyPatch, found: Identified, says: str
) -> None:
    """F-R14: `gpstime rtc set --chip ds3231` would write a time into a motion sensor."""
    looks(monkeypatch, {0x68: found})
    monkeypatch.setattr(rtc_live, "open_rtc", lambda *_: Answers())
    with pytest.raises(UsageError, match=says):
        chip_opener(wanted("set", "--chip", "ds3231"))


@pytest.mark.parametrize(
    "found",
    [
        Identified("ds3231", True, "its registers repeat", ("ds3231m",)),
        Identified("ds3232", True, "its registers repeat"),
        Identified("pcf8523", False, "nothing proves it"),
        RtcUnavailable("the long reads fail on this bus", 5),
    ],
)
def test_a_named_chip_that_may_be_it_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch, found: Identified | Exception) -> None:
    looks(monkeypatch, {0x68: found})
    monkeypatch.setattr(rtc_live, "open_rtc", lambda *_: Answers())
    assert isinstance(chip_opener(wanted("set", "--chip", "ds3231"))(), Answers)


# ---- where the kernel's driver has it ------------------------------------------------------------------------------------------


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PCF8523 behind rtc-pcf8523 as /dev/rtc0, with `offset` in sysfs; its address is held."""
    sysfs = tmp_path / "sys/class/rtc/rtc0"
    (sysfs / "device").mkdir(parents=True)
    (sysfs / "name").write_text("rtc-pcf8523 1-0068\n")
    (sysfs / "device/name").write_text("pcf8523\n")
    (sysfs / "offset").write_text("0\n")

    def ioctl(fd: int, request: int, raw: bytearray) -> int:
        if request & 0xFF == 0x13:
            raise OSError(25, "Inappropriate ioctl for device")
        raw[:] = struct.pack("@9i", 56, 34, 12, 24, 10, 126, 0, 0, 0)
        return 0

    def opens(node: str) -> KernelRtc:
        return KernelRtc(node, root=tmp_path, open_node=lambda path, flags: 3, close_node=lambda fd: None, ioctl=ioctl)

    looks(monkeypatch, {0x68: RtcHeld("busy, the kernel's driver rtc-pcf8523 holds the address", "/dev/rtc0")})
    monkeypatch.setattr(rtc_live, "open_kernel_rtc", opens)
    return sysfs


def held_bench(tmp_path: Path, board: LiveBoard) -> LiveBench:
    return LiveBench(options("show", "--state", str(tmp_path / "state")), machine=board.stand_in, time=board.machine)


def test_through_the_kernel(tmp_path: Path, kernel: Path) -> None:
    board = LiveBoard(tmp_path, duration_s=5)
    bench = held_bench(tmp_path, board)
    found = show(bench)
    assert found.chip == "pcf8523"
    assert found.status.shown == UtcTime.civil(2026, 11, 24, 12, 34, 56)
    assert found.status.notes, "it says what can't be had this way"
    proposal = propose(bench, Known(106.9, 106.8, 107.0, 0, "said"))
    assert proposal.plan.value == 26
    assert apply(bench, proposal).taken
    # Documentation/ABI/testing/rtc-cdev: ppb, a positive value makes a day pass more slowly
    assert int((kernel / "offset").read_text()) == pytest.approx(26 * 4069, rel=0.01)
    assert undo(bench).taken
    assert int((kernel / "offset").read_text()) == 0
    assert (tmp_path / "state/rtc-pcf8523-kernel.jsonl").exists()
    board.close()


def test_a_kernel_driver_without_a_door(tmp_path: Path, kernel: Path) -> None:
    """The DS3231's driver offers no `offset`: said, with what else can't be had through it, and nothing is forced."""
    (kernel / "offset").unlink()
    (kernel / "device/name").write_text("ds3231\n")
    board = LiveBoard(tmp_path, duration_s=5)
    with pytest.raises(UsageError, match="no trim register") as told:
        propose(held_bench(tmp_path, board), Known(3.0, 2.9, 3.1, 0, "said"))
    assert "offers no trim" in str(told.value)
    board.close()


def test_held_by_a_driver_without_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    looks(monkeypatch, {0x68: RtcHeld("busy, a driver of the kernel holds the address")})
    with pytest.raises(RtcHeld, match="holds the address"):
        chip_opener(wanted("show"))


def test_a_named_chip_that_is_held(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Held:
        def read(self) -> None:
            raise RtcHeld("busy", "/dev/rtc0")

        def close(self) -> None: ...

    monkeypatch.setattr(rtc_live, "open_rtc", lambda *_: Held())
    assert isinstance(chip_opener(wanted("show", "--chip", "pcf8523"))(), KernelRtc)
