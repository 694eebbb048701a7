"""The service: signals, status socket, systemd's datagrams, log lines; on a simulated board that arrives through a source."""

from __future__ import annotations

import ctypes
import io
import json
import os
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from doubles import VirtualTime

from gpstime.app.daemon import Fitted, serve
from gpstime.app.journal import AT_ONCE, Journal
from gpstime.app.live import LiveTime
from gpstime.app.notify import Notify
from gpstime.app.settings import Config, Service
from gpstime.app.standing import Standing
from gpstime.app.status import StatusSocket, ask_status
from gpstime.cli import main
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.drivers.adjtimex import layout, read_steering
from gpstime.drivers.steering import SteeringWatch
from gpstime.errors import DeviceBusy, DeviceMissing, UsageError
from gpstime.model import ClockStep, DeviceFound, DeviceLost, Event, Note, Offset
from gpstime.report.status import as_text
from gpstime.sim.machine import FakeMachine
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.ends import leap_held
from gpstime.store.record import Record
from gpstime.times import NS, RawNs


class Replayed:
    """A source that gives the events of a simulated board, then calls `over` once and is silent."""

    name = "sim"

    def __init__(self, time: VirtualTime, over, **scenario) -> None:
        self.time, self.over = time, over
        self.world = SimWorld(Scenario(**{"seed": 5, "duration_s": 300} | scenario))
        self.events: Iterator[Event] = self.world.events()

    def poll(self, timeout_s: float) -> list[Event]:
        events = list(islice(self.events, 200))  # in portions: two busy threads change places every 5 ms only
        if not events:
            over, self.over = self.over, lambda: None
            over()
            return []
        self.time.at = events[-1].at
        return events

    def close(self) -> None:
        pass


def config(path: str) -> Config:
    return replace(Config(), service=Service(socket=path, summary_s=100.0))


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(tmp_path / "notify"))
        s.setblocking(False)
        yield s


def datagrams(s: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(s.recv(4096).decode())
        except BlockingIOError:
            return found


def test_a_run_from_start_to_signal(tmp_path: Path, systemd: socket.socket) -> None:
    time, out, asked = VirtualTime(), io.StringIO(), []
    path = str(tmp_path / "status.sock")

    def over() -> None:
        asked.append(ask_status(path))
        asked.append(stat.S_IMODE(os.stat(path).st_mode))
        terminate()

    source = Replayed(time, over)
    closed: list[int] = []
    fitted = Fitted([source], facts={"board": "a double"}, said=["pulse: simulated"], closing=[lambda: closed.append(1)])
    fitted.parts["record"] = lambda: {"state": "ok"}
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "800000000"}  # few: ten datagrams wait at most
    assert serve(config(path), fitted, BUILT_IN.table, LiveTime(time), environment, out) == 0

    status, mode = asked
    truth = source.world.truth
    assert status["status"] == "measuring"
    assert status["label"] == "ok"
    assert status["freq_lo_ppb"] <= truth.current_ppb() <= status["freq_hi_ppb"]
    assert status["last_labelled"] == truth.last.utc.iso()
    assert status["board"] == "a double"
    assert status["record"] == {"state": "ok"}
    assert status["pulse"]["count"] == 300
    assert status["receiver"]["sentences"] > 300
    assert mode == 0o660  # its group, nobody else
    assert not os.path.exists(path)
    assert closed == [1]

    told = datagrams(systemd)
    assert told[0] == "READY=1"
    assert told[-1] == "STOPPING=1"
    assert "WATCHDOG=1" in told
    assert any(line.startswith("STATUS=second ok; ") for line in told)

    log = out.getvalue().splitlines()
    assert "gpstime 0" in log[0]
    assert log[1] == "pulse: simulated"
    assert any("the seconds are known" in line for line in log)
    assert any("first frequency" in line for line in log)
    assert sum("pulses used" in line for line in log) >= 3
    assert log[-1].endswith("gpstime stops: SIGTERM")
    assert len(log) < 20


def test_who_steers_the_clock_is_in_the_status_and_the_log(tmp_path: Path) -> None:
    """P18: the real watch over a made-up kernel, among the events of a simulated board."""
    time, out, asked, machine = VirtualTime(), io.StringIO(), [], FakeMachine()
    path = str(tmp_path / "status.sock")
    timex = layout(ctypes.c_long)
    watch = SteeringWatch(lambda: read_steering(machine.adjtimex, timex), lambda: ("chronyd (pid 612)",))

    class Steered(Replayed):
        def poll(self, timeout_s: float) -> list[Event]:
            found = watch.look(RawNs(time.at))
            machine.slew(25.0)
            return [*super().poll(timeout_s), *found]

    def over() -> None:
        asked.append(ask_status(path))
        terminate()

    assert serve(config(path), Fitted([Steered(time, over)]), BUILT_IN.table, LiveTime(time), {}, out) == 0
    assert asked[0]["steered_by"] == "chronyd (pid 612)"
    assert "chronyd (pid 612) steers it" in as_text(asked[0])
    assert "went by +25 to +25.000 ppm; by chronyd (pid 612)" in out.getvalue()


@pytest.mark.parametrize("remembered", [True, False])
def test_a_restart_within_a_cold_start_forgets_nothing(tmp_path: Path, remembered: bool) -> None:
    """P24: the receiver is 3 s ahead until it knows the leap second count, and by the second run it says A. Twin: no memory."""
    faults = ("cold-start", "leap-default:for=900,ahead=3")
    wrong: list[int] = []
    for first_s, last_s in ((0, 300), (300, 800)):
        time, held = VirtualTime(), leap_held(tmp_path)
        assert held is (first_s > 0)
        source = Replayed(time, terminate, duration_s=last_s, faults=faults)
        came = list(source.events)
        source.events = (e for e in came if e.at >= came[0].at + first_s * NS)
        keep = Record(tmp_path, {"leap_held": held})
        fitted = Fitted([source], leap_held=held and remembered, record=keep, closing=[keep.close])
        fitted.sinks = [keep, lambda v: wrong.append(v.offset_ns) if isinstance(v, Offset) and v.second is not None else None]
        assert serve(config(""), fitted, BUILT_IN.table, LiveTime(time), {}, io.StringIO()) == 0
    assert bool(wrong) is not remembered


def test_no_socket_no_systemd_is_fine_too() -> None:
    time = VirtualTime()
    out = io.StringIO()
    assert serve(config(""), Fitted([Replayed(time, terminate, duration_s=3)]), BUILT_IN.table, LiveTime(time), {}, out) == 0


def test_a_mistake_of_ours_ends_the_service_and_lets_go_of_everything(tmp_path: Path) -> None:
    time = VirtualTime()
    closed: list[int] = []

    def broken() -> None:
        raise AssertionError("ours")

    fitted = Fitted([Replayed(time, broken, duration_s=3)], closing=[lambda: closed.append(1)])
    path = str(tmp_path / "s")
    with pytest.raises(AssertionError, match="ours"):
        serve(config(path), fitted, BUILT_IN.table, LiveTime(time), {}, io.StringIO())
    assert closed == [1]
    assert not os.path.exists(path)


# ---- the watchdog --------------------------------------------------------------------------------------------------------------


def test_the_watchdog_is_fed_at_a_quarter_of_its_patience(tmp_path: Path, systemd: socket.socket) -> None:
    time = VirtualTime()
    notify = Notify({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "40000000"}, lambda: time.at)
    assert notify.watchdog_s == 20.0
    for _ in range(100):
        notify.alive()
        time.move(1)
    assert datagrams(systemd) == ["WATCHDOG=1"] * 10
    notify.close()


def test_the_watchdog_of_another_process_is_not_ours(tmp_path: Path, systemd: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "40000000", "WATCHDOG_PID": str(os.getpid() + 1)}
    assert Notify(environment).watchdog_s is None


def test_a_systemd_that_does_not_listen_is_borne(tmp_path: Path) -> None:
    notify = Notify({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    notify.ready()
    notify.stopping()
    notify.close()


# ---- the status socket -----------------------------------------------------------------------------------------------------------


def test_a_socket_left_over_by_a_crash_is_taken_over_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(path)
    first = StatusSocket(path, lambda question: question(), lambda: {"status": "first"})
    first.start()
    assert ask_status(path) == {"status": "first"}
    with pytest.raises(DeviceBusy, match="another gpstime run"):
        StatusSocket(path, lambda question: question(), dict)
    first.close()
    with pytest.raises(DeviceMissing, match="systemctl start gpstime"):
        ask_status(path)


def test_a_place_where_no_socket_can_be_is_told_before_a_run_of_the_record_begins(tmp_path: Path, capsys) -> None:
    file = tmp_path / "g.toml"
    file.write_text(
        f'[receiver]\nsource = "gpsd"\n[pulse]\nbackend = "kernel"\n[record]\nfolder = "{tmp_path}/record"\n'
        f'[service]\nsocket = "{tmp_path}/nowhere/status.sock"\n'
    )
    assert main(["run", "--config", str(file)]) == 2
    assert f"the folder {tmp_path}/nowhere of the status socket is not there: make it, or give [service] socket" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "record").exists()


def test_a_status_that_is_configured_away(tmp_path: Path, capsys) -> None:
    file = tmp_path / "g.toml"
    file.write_text('[service]\nsocket = ""\n')
    assert main(["status", "--config", str(file)]) == 2
    assert "has no status socket: give [service] socket a path" in capsys.readouterr().err


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("mine")
    with pytest.raises(UsageError, match="is no socket"):
        StatusSocket(str(path), lambda question: question(), dict)
    assert path.read_text() == "mine"
    with pytest.raises(UsageError, match="longer than"):
        StatusSocket("/" + "x" * 120, lambda question: question(), dict)


def test_a_thinker_that_hangs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpstime.app.status.PATIENCE_S", 0.05)
    status = StatusSocket(str(tmp_path / "s"), lambda question: None, dict)
    status.start()
    assert ask_status(status.path)["status"] == "busy"
    status.close()


def test_who_asks_and_goes_away_harms_nothing(tmp_path: Path) -> None:
    status = StatusSocket(str(tmp_path / "s"), lambda question: question(), lambda: {"status": "measuring"})
    status.start()
    for _ in range(3):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.connect(status.path)
    assert ask_status(status.path) == {"status": "measuring"}
    status.close()


def test_the_status_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "status.sock")
    time = VirtualTime()
    codes: list[int] = []

    def over() -> None:
        codes.append(main(["status", "--socket", path]))
        codes.append(main(["status", "--json", "--socket", path]))
        terminate()

    serve(config(path), Fitted([Replayed(time, over)]), BUILT_IN.table, LiveTime(time), {}, io.StringIO())
    text, _, line = capsys.readouterr().out.rstrip().rpartition("\n")
    assert codes == [0, 0]
    assert "ppm" in text
    assert "measuring" in text
    assert json.loads(line)["status"] == "measuring"
    assert main(["status", "--socket", path]) == 2
    assert "no gpstime run listens" in capsys.readouterr().err


# ---- words -----------------------------------------------------------------------------------------------------------------------


def standing() -> tuple[Standing, VirtualTime]:
    time = VirtualTime()
    return Standing(Engine(BUILT_IN.table), RawNs(time.at)), time


def test_the_status_before_anything_came_and_with_nothing_there() -> None:
    s, time = standing()
    assert s.word(RawNs(time.at))[0] == "starting"
    time.move(10)
    assert s.word(RawNs(time.at)) == ("no-pulses", "no pulse: no device said anything yet, or none is configured")
    s(DeviceFound(RawNs(time.at), "pps", "open"))
    assert s.word(RawNs(time.at)) == ("no-pulses", "no pulse: the input is open, but no edge comes")
    s(DeviceLost(RawNs(time.at), "pps", "no /dev/pps0: add the overlay"))
    assert s.word(RawNs(time.at)) == ("no-pulses", "no pulse: no /dev/pps0: add the overlay")
    json.dumps(s.as_object(RawNs(time.at)))
    s(DeviceLost(RawNs(time.at), "pps", "no pulse: no device. Tried: all"))
    assert s.word(RawNs(time.at))[1] == "no pulse: no device. Tried: all", "what says so itself is not said twice"
    assert "Tried: all; nothing came yet" in as_text(s.as_object(RawNs(time.at)))


def test_a_clock_chip_that_is_away_is_no_receiver_that_is() -> None:
    s, time = standing()
    for source in ("rtc", "rtc-sqw"):
        s(DeviceLost(RawNs(time.at), source, "the chip does not answer"))
    assert (s.receiver.there, s.receiver.reason, s.pulse.there) == (None, "", None)


def test_pulses_whose_receiver_went_away() -> None:
    s, _ = standing()
    for event in SimWorld(Scenario(duration_s=60)).events():
        s(event)
        for finding in s.engine.on(event)[0]:
            s(finding)
    last = event.at
    assert s.word(last)[0] == "measuring"
    s(DeviceLost(RawNs(last), "serial", "unplugged"))
    s.pulse.seen_at = RawNs(last + 10 * NS)
    assert s.word(RawNs(last + 10 * NS)) == ("no-receiver", "pulses, but no receiver: unplugged")
    s(DeviceFound(RawNs(last), "serial", "back"))
    assert s.receiver.losses == 0  # it was never seen to be there before


def test_the_log_is_bounded_whatever_a_device_does() -> None:
    s, time = standing()
    out = io.StringIO()
    journal = Journal(s, 3600, out, {})
    for k in range(5000):
        journal(DeviceLost(RawNs(time.at), "serial", f"gone {k}"))
        journal(Note(RawNs(time.at), f"note {k}"))
        time.move(1)
    lines = out.getvalue().splitlines()
    assert len(lines) < 4 * AT_ONCE + 6
    assert any("more lines about device" in line for line in lines)


def test_a_step_is_told_and_a_journal_that_is_gone_is_borne() -> None:
    s, time = standing()
    out = io.StringIO()
    Journal(s, 3600, out, {})(ClockStep(RawNs(time.at), -1_500_000_000, "chronyd"))
    assert out.getvalue() == "0 s: the system clock was stepped by -1.500000 s by chronyd; the measurement is not touched by that\n"

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    Journal(s, 3600, Gone(), {})(Note(RawNs(time.at), "x"))


def test_under_systemd_lines_have_levels(tmp_path: Path) -> None:
    s, time = standing()
    with open(tmp_path / "log", "w+") as log:
        where = os.fstat(log.fileno())
        Journal(s, 3600, log, {"JOURNAL_STREAM": f"{where.st_dev}:{where.st_ino}"})(DeviceLost(RawNs(time.at), "pps", "gone"))
        Journal(s, 3600, log, {"JOURNAL_STREAM": "1:1"})(DeviceLost(RawNs(time.at), "pps", "gone"))
        log.seek(0)
        assert log.read().splitlines() == ["<4>pps lost: gone", "0 s: pps lost: gone"]


def test_threads_are_gone_after_a_run() -> None:
    assert {t.name for t in threading.enumerate()} & {"sim", "status"} == set()
