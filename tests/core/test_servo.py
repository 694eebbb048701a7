"""The loop on made-up crystals and pulses: it settles, finds levels by itself; each protection switched off is visibly worse."""

from __future__ import annotations

import math
import random

import pytest
from clocks_and_pulses import Traces, errors_ns, one_sided, rms, spoilt, spread, steered, told, traces

from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.core.policy import Policy
from gpstime.core.servo import Servo
from gpstime.core.train import Pulse
from gpstime.errors import UsageError
from gpstime.model import Adjustment, PpsEdge, Slew, Step
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import NS, RawNs, UnixNs


def off(*protections: str) -> frozenset[str]:
    return frozenset(protections)


# ---- it settles, and stays ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_from_100_ms_and_20_ppm_below_10_us_within_10_s(seed: int) -> None:
    world = steered(traces(seed, 300))
    assert len(world.stepped_ns) == 1
    assert max(map(abs, errors_ns(world, 10))) < 10_000


@pytest.mark.parametrize(("sigma_us", "crystal"), [(0.2, 0.1), (0.2, 10.0), (1.0, 1.0), (8.0, 0.1), (8.0, 10.0)])
def test_any_levels_within_1_3_of_the_filter_that_is_told_them(sigma_us: float, crystal: float) -> None:
    """Pulses missing and rogue for us, none rogue for the filter that is told."""
    clean = traces(5, 7200, sigma_us * 1e3, crystal)
    world = steered(spoilt(clean, 6))
    assert rms(errors_ns(world, 3600)) < 1.3 * rms(told(spoilt(clean, 6, rogues=0.0))[3600:])


def test_the_frequency_is_spared() -> None:
    """30 ppb over a second where all of the phase at once would make 47."""
    world = steered(traces(9, 5000))
    assert rms([1e9 * f for f in world.f[1000:]]) < 30.0


def test_a_jump_of_the_frequency_is_seen_and_followed() -> None:
    made = traces(3, 3000)
    made.freq[2000:] = [y + 300.0 for y in made.freq[2000:]]
    world, twin = steered(made), steered(made, off("adaptation"))
    assert max(map(abs, errors_ns(world, 2000))) < 4000
    assert rms(errors_ns(world, 2010, 2100)) < 0.6 * rms(errors_ns(twin, 2010, 2100))


def test_a_pulse_that_is_late_from_now_on_is_followed() -> None:
    """F-P08: where the pulse moves for good, or for long, there is no better time than it."""
    made = traces(4, 1500)
    made.pulse[1000:] = [late + 40_000.0 for late in made.pulse[1000:]]
    world = steered(made)
    assert rms([x + 40_000.0 for x in errors_ns(world, 1060)]) < 1000


def test_the_noise_may_change() -> None:
    made = traces(8, 6000)
    made.pulse[3000:4500] = [30.0 * late for late in made.pulse[3000:4500]]
    world = steered(made)
    assert rms(errors_ns(world, 3000, 3600)) < 10_000
    assert rms(errors_ns(world, 5500)) < 330


# ---- twins: one protection switched off --------------------------------------------------------------------------------------


def test_twin_of_the_gate() -> None:
    made = spoilt(traces(1, 2400), 2, rogue_ns=9e6)
    world, twin = steered(made), steered(made, off("gate"))
    assert rms(errors_ns(world, 600)) < 400
    assert rms(errors_ns(twin, 600)) > 10 * rms(errors_ns(world, 600))


def test_twin_of_the_adaptation() -> None:
    made = traces(1, 6000, sigma_ns=1000.0, crystal=10.0)
    world, twin = steered(made), steered(made, off("adaptation"))
    assert rms(errors_ns(twin, 3000)) > 1.5 * rms(errors_ns(world, 3000))


def test_twin_of_the_latency_model() -> None:
    n = 14_400
    made = Traces(traces(2, n).freq, one_sided(2, n), 10.0, 1.0, 50_000.0)
    world, twin = steered(made), steered(made, off("shape"))
    assert spread(errors_ns(twin, 7200)) > 1.1 * spread(errors_ns(world, 7200))
    assert spread(errors_ns(world, 7200)) < 1300
    assert spread(told(made)[7200:]) > 2 * spread(errors_ns(world, 7200)), "a Gaussian filter, even if told"


def test_twin_of_the_growth_in_a_holdover() -> None:
    made = traces(2, 6000)
    made.pulse[2400:4800] = [math.nan] * 2400
    world, twin = steered(made), steered(made, off("growth"))
    assert abs(errors_ns(world, 4799, 4800)[0]) > 20_000, "an outage that proves nothing: take another seed"
    assert max(map(abs, errors_ns(world, 4802, 4900))) < 5_000
    assert max(map(abs, errors_ns(twin, 4802, 4900))) > 10_000


def test_in_a_holdover_the_frequency_is_kept() -> None:
    """As good as the filter that is told the levels, to a tenth."""
    made = traces(7, 6000)
    made.pulse[3000:] = [math.nan] * 3000
    ours, best = errors_ns(steered(made), 5999, 6000)[0], told(made)[5999]
    assert abs(ours - best) < 0.1 * abs(best) + 5_000


# ---- what is asked of the clock ----------------------------------------------------------------------------------------------


def pulses(count: int, shown_ns: int) -> list[Pulse]:
    at = [RawNs(k * NS) for k in range(count)]
    return [Pulse(a, k, PpsEdge(a, UnixNs(100 * NS + a + shown_ns)), 0) for k, a in enumerate(at)]


def asked(servo: Servo, given: list[Pulse]) -> list[Adjustment]:
    out: list[Adjustment] = []
    for pulse in given:
        servo.hear(pulse, None)
        out += servo.decide()
    return out


def test_the_first_update_steps_above_1_ms_and_later_ones_above_128_ms() -> None:
    assert next(a for a in asked(Servo(Policy(second_known=True)), pulses(6, 1_100_000)) if isinstance(a, Step)) == Step(-1_100_000)
    assert not [a for a in asked(Servo(Policy(second_known=True)), pulses(6, 900_000)) if isinstance(a, Step)]
    assert not [a for a in asked(Servo(Policy(0, 0, second_known=True)), pulses(6, 400_000_000)) if isinstance(a, Step)]
    late = Servo(Policy(second_known=True))
    asked(late, pulses(6, 0))
    again = [Pulse(p.at, p.n, PpsEdge(p.at, UnixNs(p.edge.shown)), 0) for p in pulses(9, 100_000_000)[6:]]
    assert not [a for a in asked(late, again) if isinstance(a, Step)]
    further = [Pulse(p.at, p.n, PpsEdge(p.at, UnixNs(p.edge.shown)), 0) for p in pulses(11, 200_000_000)[9:10]]
    assert [a for a in asked(late, further) if isinstance(a, Step)] == [Step(-200_000_000)]


def test_no_slew_beyond_the_limit() -> None:
    slews = [a for a in asked(Servo(Policy(max_slew_ppb=100_000.0, second_known=True)), pulses(6, 900_000)) if isinstance(a, Slew)]
    assert {a.freq_ppb for a in slews if not math.isinf(a.lasting_s)} == {-100_000.0}


def test_nothing_is_asked_before_the_second_is_known_nor_twice_for_one_pulse() -> None:
    assert asked(Servo(Policy()), pulses(20, 5_000_000)) == []
    servo = Servo(Policy(second_known=True))
    assert asked(servo, pulses(20, 5_000_000))
    assert servo.decide() == ()


def test_an_overdue_pulse_leaves_the_bare_drift() -> None:
    servo = Servo(Policy(second_known=True))
    asked(servo, pulses(20, 0))
    assert servo.on_tick(RawNs(19 * NS + NS // 2)) == ()
    (slew,) = servo.on_tick(RawNs(21 * NS))
    assert isinstance(slew, Slew)
    assert math.isinf(slew.lasting_s)
    assert abs(slew.freq_ppb) < 100
    assert servo.on_tick(RawNs(22 * NS)) == ()


def test_a_policy_that_makes_no_sense_is_refused() -> None:
    for wrong in ({"max_slew_ppb": 0.0}, {"max_slew_ppb": 600_000.0}, {"step_ns": -1}):
        with pytest.raises(UsageError):
            Policy(**wrong)  # type: ignore[arg-type]


def test_without_a_discipline_the_engine_asks_nothing() -> None:
    world = SimWorld(Scenario(seed=1, duration_s=60, system_offset_s=0.2))
    engine = Engine(BUILT_IN.table)
    assert all(engine.on(event)[1] == () for event in world.events())


# ---- on a simulated board, sentences and all ---------------------------------------------------------------------------------


def test_a_board_with_sentences_is_steered_to_the_microsecond() -> None:
    world = SimWorld(Scenario(seed=4, duration_s=900, board="pi4", system_offset_s=3.2))
    engine = Engine(BUILT_IN.table, discipline=Policy())
    offsets: list[float] = []
    for event in world.events():
        if isinstance(event, PpsEdge) and event.edge == "assert":
            truth = world.truth.find(event.at)
            if truth is not None:
                offsets.append(event.shown - truth.utc.unix)
        for adjustment in engine.on(event)[1]:
            engine.on(world.adjust(adjustment))
    assert abs(offsets[0] - 3.2e9) < 1e6
    assert rms(offsets[-300:]) < 2_000


def test_random_nonsense_never_breaks_it() -> None:
    """Edges anywhere, again and again: nothing is raised, and no slew is beyond the limit."""
    rng = random.Random(1)
    engine = Engine(BUILT_IN.table, discipline=Policy(second_known=True))
    at = 0
    for k in range(20_000):
        calm = (k // 2000) % 2
        at += NS + rng.randrange(-1000, 1000) if calm else rng.choice((NS, NS, 1, 5 * NS, 4000 * NS, -NS, rng.randrange(3 * NS)))
        for adjustment in engine.on(PpsEdge(RawNs(at), UnixNs(at + rng.randrange(-(10**9), 10**9))))[1]:
            if isinstance(adjustment, Slew):
                assert abs(adjustment.freq_ppb) <= 500_000.0
