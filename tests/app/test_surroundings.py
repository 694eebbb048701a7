"""The board as sources of a live world; the lateness of stamps as a number that is configured, used and said."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from gpstime.app.settings import AUTO
from gpstime.app.sources import PpsSource
from gpstime.app.surroundings import bias_facts, biases, board_source, say_bias, steering_source
from gpstime.drivers.adjtimex import SteeringWatch, layout, read_steering
from gpstime.drivers.system_clock import Converter
from gpstime.model import Note, PpsEdge, Temperature
from gpstime.sim.machine import FakeMachine
from gpstime.times import NS


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


class Pulse:
    """A pulse input on a fake machine: an edge each second, late by what the test says."""

    name = "pps@12.-1"

    def __init__(self, machine: FakeMachine, late_ns: int = 0) -> None:
        self.machine, self.late_ns, self.seq = machine, late_ns, 0
        self.true: list[int] = []

    def wait(self, timeout_s: float):
        due = 1002 * NS + self.seq * NS
        if due - self.machine.at > timeout_s * NS:
            self.machine.sleep(timeout_s)
            return None
        self.seq += 1
        self.true.append(due)
        return self.machine.edge(due + self.late_ns, seq=self.seq)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("timeout_s", [0.3, 1.5])
def test_the_live_source_through_slews_and_a_step(timeout_s) -> None:
    """The source, the converter and the machine together, for a minute: the truth is inside, one edge is lost to the step."""
    machine = FakeMachine()
    pulse = Pulse(machine)
    source = PpsSource(lambda: pulse, machine, Converter().convert, machine)
    for k in range(0, 60, 3):
        machine.plan(1002 * NS + k * NS + 300_000_001 * (k % 4), lambda k=k: machine.slew((80_000, -80_000, 0)[k % 4 % 3]))
    machine.plan(1031 * NS + 999_990_000, lambda: machine.step(-NS))
    events = []
    while pulse.seq < 60:
        events += source.poll(timeout_s)
    edges = [e for e in events if isinstance(e, PpsEdge)]
    assert len(edges) == 59
    for edge in edges:
        assert abs(edge.at - pulse.true[edge.seq - 1]) <= edge.err_ns < 25_000
    assert [e.text for e in events if isinstance(e, Note)] == ["pps: an edge is not used: the system clock was stepped around it"]
    assert {e.era for e in edges} == {0, 1}


def late(root: Path, bias_us) -> int:
    """By how much the edges of a pulse that is stamped 13.5 us late are late after the conversion."""
    machine = FakeMachine()
    pulse = Pulse(machine, late_ns=13_500)
    convert = Converter({s: b.late_ns for s, b in biases(bias_us, root).items()}).convert
    source = PpsSource(lambda: pulse, machine, convert, machine)
    edges = [e for _ in range(9) for e in source.poll(1.5) if isinstance(e, PpsEdge)]
    return round(sum(e.at - pulse.true[e.seq - 1] for e in edges) / len(edges))


def test_the_known_lateness_is_taken_off(tmp_path: Path) -> None:
    write(tmp_path, "proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    assert abs(late(tmp_path, AUTO)) < 100
    assert abs(late(tmp_path, 13.5)) < 100
    assert late(tmp_path, 0.0) == pytest.approx(13_500, abs=100), "control: without it the edge is late and nothing shows it"


def test_the_lateness_is_said_with_its_doubt(tmp_path: Path) -> None:
    assert "unknown constant" in say_bias(biases(AUTO, tmp_path))
    write(tmp_path, "proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    found = biases(AUTO, tmp_path)
    assert "13.5 us late give or take 6.5 us" in say_bias(found)
    assert bias_facts(found)["kernel"] == {"late_ns": 13_500, "doubt_ns": 6_500, "why": found["kernel"].why}
    assert bias_facts(found)["gpio"] == bias_facts(found)["kernel"]
    assert "50 us late: as configured" in say_bias(biases(50, tmp_path))


def test_temperature_each_time_and_throttling_when_it_changes(tmp_path: Path) -> None:
    machine = FakeMachine()
    write(tmp_path, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
    write(tmp_path, "sys/class/thermal/thermal_zone0/temp", "51200\n")
    throttled = "sys/devices/platform/soc/soc:firmware/get_throttled"
    write(tmp_path, throttled, "0\n")
    source = board_source(60, machine, tmp_path)
    (first,) = source.poll(61)
    assert isinstance(first, Temperature)
    assert (first.sensor, first.celsius) == ("cpu-thermal", 51.2)
    write(tmp_path, throttled, "4\n")
    assert [e.text for e in source.poll(61) if isinstance(e, Note)] == ["the firmware says now: throttled"]
    assert [e for e in source.poll(61) if isinstance(e, Note)] == []
    write(tmp_path, throttled, "40000\n")
    assert [e.text for e in source.poll(61) if isinstance(e, Note)] == ["no longer: the firmware says now: throttled"]


def test_a_foreign_slew_is_a_note() -> None:
    machine = FakeMachine()
    timex = layout(ctypes.c_long)
    watch = SteeringWatch(lambda: read_steering(machine.adjtimex, timex), lambda: ("chronyd (pid 612)",))
    source = steering_source(10, machine, watch)
    assert "steered by chronyd" in source.poll(11)[0].text
    assert source.poll(11) == []
    machine.slew(-12.5)
    assert "-12.500 ppm; by chronyd (pid 612)" in source.poll(11)[0].text
    assert machine.refused == 0
