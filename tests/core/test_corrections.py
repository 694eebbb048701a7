"""What was done to a clock, added up: as the simulated clock does it, to the ns."""

from __future__ import annotations

from random import Random

from gpstime.core.corrections import Corrections
from gpstime.model import Applied
from gpstime.sim.clock import SimClock
from gpstime.times import NS, RawNs


def test_it_is_the_clock_to_the_ns() -> None:
    draw = Random(1)
    clock, corrections, raw = SimClock(5 * NS, 77), Corrections(), 5 * NS
    seen: list[tuple[int, int, int]] = []
    for _ in range(2000):
        raw += draw.randrange(1, 2 * NS)
        what = draw.random()
        if what < 0.5:
            corrections.add(Applied(RawNs(raw), clock.set_frequency(raw, draw.uniform(-5e5, 5e5))))
        elif what < 0.7:
            step = draw.randrange(-NS, NS)
            clock.step(step)
            corrections.add(Applied(RawNs(raw), None, step))
        else:
            corrections.add(Applied(RawNs(raw), None, 0, 0, "chronyd"))  # says who steers, and does nothing
        seen.append((raw, clock.shown(raw), clock.mono(raw)))
        assert corrections.at(raw) == clock.shown(raw) - 77 - (raw - 5 * NS)
    for raw, shown, mono in seen:  # and afterwards, anywhere
        assert corrections.at(raw) == shown - 77 - (raw - 5 * NS)
        assert corrections.slewed(raw) == mono - raw
    assert (corrections.at(0), corrections.stepped(0)) == (0, 0)


def test_a_step_counts_from_its_own_instant_on() -> None:
    corrections = Corrections()
    corrections.add(Applied(RawNs(100), None, -30))
    corrections.add(Applied(RawNs(100), None, -5, refused=""))
    assert [corrections.at(raw) for raw in (99, 100, 101)] == [0, -35, -35]
    assert corrections.just_before(100) == 0
    assert corrections.steps == [(100, -30), (100, -5)]
