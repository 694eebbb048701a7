"""A simulated hour through a pty, a made-up kernel and clocks and the real drivers, against the simulated world itself.

Virtual clock, no sleeping. The same events reach the engine twice: as the world gives them, and as the drivers read them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gpstime.app.live import Turns
from gpstime.app.run import run
from gpstime.app.sources import PpsSource, SerialSource, tick_source
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.drivers.autobaud import WatchedPort
from gpstime.drivers.pps_choice import Doors, Wanted, open_pulse
from gpstime.drivers.serial_port import SerialPort
from gpstime.drivers.system_clock import Converter
from gpstime.model import Label, Offset, PpsEdge, SerialBytes
from gpstime.sim.fake_pps import FakePps, StampedEdge
from gpstime.sim.machine import FakeMachine
from gpstime.sim.pty_receiver import PtyReceiver
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import UnixNs

WAKE_NS = 40_000
"""How long after an event a program is awake."""


@pytest.mark.parametrize(("personality", "slew_ppm"), [("ublox-m8", 37.0)])
def test_the_drivers_find_what_the_world_is(tmp_path: Path, personality: str, slew_ppm: float) -> None:
    world = SimWorld(Scenario(seed=11, duration_s=3600, personality=personality, read_ms=400.0))
    events = list(world.events())
    straight = Engine(BUILT_IN.table)
    offsets: dict[int, Offset] = {}
    for event in events:
        offsets |= {f.n: f for f in straight.on(event)[0] if isinstance(f, Offset)}

    first = next(e for e in events if isinstance(e, PpsEdge))
    machine = FakeMachine(raw=events[0].at - 10**9, real=first.shown - first.at + events[0].at - 10**9)
    machine.slew(slew_ppm)
    base = machine.at, machine.shows("real")
    # the kernel's stamp is what the machine's REALTIME shows at the edge
    edges = [e for e in events if isinstance(e, PpsEdge)]
    stamps = [
        StampedEdge(e.at, UnixNs(base[1] + (e.at - base[0]) + round((e.at - base[0]) * slew_ppm * 1e-6)), e.edge) for e in edges
    ]
    fake = FakePps(tmp_path, machine)
    fake.add("pps@12.-1", stamps)
    receiver = PtyReceiver([(e.at, e.data) for e in events if isinstance(e, SerialBytes)])
    port = SerialPort(receiver.path, time=machine, gather_s=0, share=True, by_id=tmp_path, proc=tmp_path)
    doors = Doors(sysfs=fake.sysfs, dev=fake.dev, open_node=fake.open, ioctl=fake.ioctl)
    sources = [
        PpsSource(lambda: open_pulse(Wanted(backend="kernel"), machine, machine, doors), machine, Converter().convert, machine),
        SerialSource(WatchedPort(port, 9600), machine),
        tick_source(machine, 10.0, machine),
    ]

    def next_due() -> bool:
        due = min((d for d in (fake.next_due(), receiver.next_due) if d is not None), default=None)
        if due is None:
            return False
        machine.run_to(max(due + WAKE_NS, machine.at))
        receiver.advance(machine.at, settle=True)
        return True

    engine = Engine(BUILT_IN.table)
    seen: list[Offset] = []
    turns = Turns(sources, next_due, machine)
    run(turns, engine, [lambda value: seen.append(value) if isinstance(value, Offset) else None])
    turns.close()
    receiver.close()

    assert engine.pairing.label is straight.pairing.label is Label.OK
    assert engine.pairing.delay is not None
    assert straight.pairing.delay is not None
    assert abs(engine.pairing.delay.median_ns - straight.pairing.delay.median_ns) < 1_000_000
    assert len(seen) >= len(offsets) - 3
    # the same second for the same pulse, and its raw time within what the clocks' readings cost
    named = {o.second: o for o in offsets.values() if o.second is not None}
    both = [(o, named[o.second]) for o in seen if o.second in named]
    assert len(both) > 3400
    assert max(abs(a.at - b.at) for a, b in both) < 1000
    for pulse in seen:
        true = world.truth.find(named[pulse.second].at) if pulse.second in named else None
        assert true is None or true.utc == pulse.second
    mine, theirs = engine.drift.estimate(seen[-1].at), straight.drift.estimate(edges[-1].at)
    assert mine is not None
    assert theirs is not None
    assert abs(mine.freq_ppb - theirs.freq_ppb) < (theirs.freq_hi_ppb - theirs.freq_lo_ppb) / 2
    assert abs(mine.mean_ppb - theirs.mean_ppb) < 0.5
    truth = world.truth.current_ppb()
    assert truth is not None
    assert mine.freq_lo_ppb <= truth <= mine.freq_hi_ppb
