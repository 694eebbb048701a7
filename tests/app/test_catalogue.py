"""What the configuration becomes: the parts know of each other what they have to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from doubles import VirtualTime

from gpstime.app import catalogue, pulse_door, worlds
from gpstime.app import config as settings_file
from gpstime.app.config import parse
from gpstime.app.live import LiveTime
from gpstime.app.settings import Config
from gpstime.cli import main
from gpstime.core.pulse_doctor import ReceiverListener
from gpstime.drivers.timebase import MachineTime
from gpstime.errors import DeviceMissing
from gpstime.model import Epoch, Note, PpsEdge, SerialBytes, Temperature
from gpstime.sim.machine import FakeMachine
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import NS, RawNs, UtcTime

NO_RECORD = '[record]\nfolder = ""\n'


def fitted(text: str) -> catalogue.Fitted:
    return catalogue.fit(parse(NO_RECORD + text, "test"), LiveTime(MachineTime()))


def test_the_pulse_hears_what_the_receiver_said_so_that_it_can_say_why_it_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = SimpleNamespace(backend="kernel", inner=None, name="made up", listened=[])
    opened.listen = opened.listened.append
    monkeypatch.setattr(pulse_door, "open_pulse", lambda *args: opened)
    door = pulse_door.PulseDoor(parse(NO_RECORD, "test"), catalogue.SystemClocks(), LiveTime(MachineTime()), None)
    assert door() is opened
    door.heard(SerialBytes(RawNs(1), b"$GPRMC"))
    door.heard(Epoch(RawNs(1), RawNs(1), UtcTime(20_000, 0), False, "GPRMC", fix=False))
    seen = opened.listened[0].seen()
    assert (seen.bytes, seen.sentences, seen.fix) == (6, 1, False)


def test_steps_go_on_being_counted_when_the_pulse_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As gpsd's pulse is after gpsd was restarted: edges before and after a step are never of one era."""
    machine = FakeMachine()
    opened = SimpleNamespace(backend="gpsd", inner=None, name="made up", listen=lambda heard: None)
    monkeypatch.setattr(pulse_door, "open_pulse", lambda *args: opened)
    door = pulse_door.PulseDoor(parse(NO_RECORD, "test"), machine, LiveTime(machine), None)
    eras, second = [], machine.at // NS + 1
    for k in range(12):
        if k % 6 == 0:
            door()
        if k in (2, 8):
            machine.step(NS)
        before = machine.read()
        edge = door.convert(machine.edge((second + k) * NS, seq=k), before, machine.read())
        eras += [edge.era] if isinstance(edge, PpsEdge) else []
    assert eras[-1] == 2
    assert eras == sorted(eras)


def test_the_listener_is_among_the_sinks_where_there_is_a_receiver() -> None:
    assert any(isinstance(sink, ReceiverListener) for sink in fitted("").sinks)
    assert not any(isinstance(sink, ReceiverListener) for sink in fitted('[receiver]\nsource = "none"\n').sinks)


@pytest.mark.parametrize(("option", "source"), [([], "serial"), (["--source", "gpsd"], "gpsd"), (["--source", "none"], "none")])
def test_measure_takes_the_live_boards_sentences_from_where_it_is_told(
    option: list[str], source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def fit(config: Config, time: LiveTime, **machine: object) -> None:
        asked.append(config)
        raise DeviceMissing("this board is made up")

    monkeypatch.setattr(settings_file, "DEFAULT_FILE", str(tmp_path / "none.toml"))
    monkeypatch.setattr(catalogue, "fit", fit)
    assert main(["measure", *option]) == 2
    assert "this board is made up" in capsys.readouterr().err
    assert [c.receiver.source for c in asked] == [source]
    assert asked[0].record.folder == ""


def test_what_listens_in_a_world_hears_its_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[object] = []
    world = SimWorld(Scenario(duration_s=60))
    monkeypatch.setattr(worlds, "open_world", lambda name, args: worlds.Opened(world, None, True, [heard.append]))
    assert main(["measure", "--world", "sim", "--json"]) == 0
    capsys.readouterr()
    assert sum(isinstance(value, SerialBytes) for value in heard) > 50
    assert any(isinstance(value, Epoch) for value in heard)


def test_temperature_comes_with_the_samples_and_throttling_when_it_changes(tmp_path: Path) -> None:
    """P20: a board whose firmware begins to throttle, stops, and does it again."""
    zone, firmware = tmp_path / "sys/class/thermal/thermal_zone0", tmp_path / "sys/devices/platform/soc/soc:firmware"
    policy = tmp_path / "sys/devices/system/cpu/cpufreq/policy0"
    for folder in (zone, firmware, policy):
        folder.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal\n")
    (policy / "scaling_governor").write_text("ondemand\n")
    time = VirtualTime()
    source = catalogue.board_source(60.0, time, tmp_path)
    warm, said = [], []
    for bits, milli in (("0", 50_000), ("0", 60_000), ("4", 82_000), ("4", 83_000), ("0", 60_000), ("50004", 85_000)):
        (firmware / "get_throttled").write_text(bits + "\n")
        (zone / "temp").write_text(f"{milli}\n")
        events = source.poll(0.0)
        warm += [e.celsius for e in events if isinstance(e, Temperature)]
        said.append([e.text for e in events if isinstance(e, Note)])
        time.move(60)
    assert warm == [50.0, 60.0, 82.0, 83.0, 60.0, 85.0]
    throttled = ["board: the firmware says now: throttled"]
    assert said[1:] == [[], throttled, [], [], throttled]
    assert "governor is ondemand" in said[0][0]
