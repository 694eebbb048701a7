"""A live pulse through the real converter, on a machine whose chrony slews and steps; what late stamps cost."""

from __future__ import annotations

import pytest

from gpstime.app.sources import PpsSource
from gpstime.drivers.board import known_bias
from gpstime.drivers.system_clock import Converter
from gpstime.model import Note, PpsEdge
from gpstime.sim.machine import FakeMachine
from gpstime.times import NS


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


def late(bias_ns: int) -> int:
    """By how much the edges of a pulse that is stamped 13.5 us late are late after the conversion."""
    machine = FakeMachine()
    pulse = Pulse(machine, late_ns=13_500)
    source = PpsSource(lambda: pulse, machine, Converter(bias_ns).convert, machine)
    edges = [e for _ in range(9) for e in source.poll(1.5) if isinstance(e, PpsEdge)]
    return round(sum(e.at - pulse.true[e.seq - 1] for e in edges) / len(edges))


def test_the_known_lateness_is_taken_off() -> None:
    bias = known_bias("pi5", "kernel")
    assert abs(late(bias.late_ns)) <= bias.doubt_ns
    assert late(0) > bias.doubt_ns, "control: without it the edge is late and nothing shows it"
