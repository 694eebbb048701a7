"""The simulated world: repeatable, in order, adjustable, and true to its own truth."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from simulated import pulses, run

from gpstime.errors import UsageError
from gpstime.model import Applied, PpsEdge, RtcReading, SerialBytes, Slew, Step, Temperature, Tick
from gpstime.ports import World
from gpstime.sim.faults import FAULTS, fault
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.rtc import SimRtc
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import NS, UtcTime

STILL = Oscillator(ppm=0.0, white_fm=0.0, walk_fm=0.0)
BUSY = (
    "duplicate-pulse:rate=0.1",
    "rogue-pulse:rate=0.05",
    "bit-errors",
    "lost-fix:at=50s,for=40s",
    "chrony-slews",
    "delay-wander",
)


def test_the_same_seed_gives_the_same_events_and_another_does_not() -> None:
    options = {"duration_s": 120, "faults": BUSY, "rtc": SimRtc(), "temperature_s": 30}
    (_, a), (_, b), (_, c) = run(seed=5, **options), run(seed=5, **options), run(seed=6, **options)
    assert a == b
    assert a != c


@pytest.mark.parametrize("personality", ["ublox-m8", "mtk3339", "l76"])
@pytest.mark.parametrize(
    "options", [{}, {"faults": BUSY}, {"delay_ms": 1400.0, "jitter_ms": 50.0}, {"delay_ms": 0.0, "jitter_ms": 60.0}]
)
def test_events_come_in_order(personality: str, options: dict[str, object]) -> None:
    world, events = run(duration_s=150, personality=personality, both_edges=True, **options)
    assert all(a.at <= b.at for a, b in itertools.pairwise(events))
    assert world.now == events[-1].at
    assert isinstance(events[0], PpsEdge | SerialBytes)


def test_it_is_a_world_that_happens_once() -> None:
    world: World = SimWorld(Scenario(duration_s=3))
    assert list(world.events())
    with pytest.raises(AssertionError, match="once"):
        list(world.events())
    world.close()
    world.close()


def test_the_truth_knows_phase_and_second_of_each_pulse() -> None:
    spec = Oscillator(ppm=3.0, white_fm=1e-8, walk_fm=1e-9)
    world, events = run(
        duration_s=300,
        oscillator=spec,
        pps_noise_ns=0.0,
        pps_bias_ns=0.0,
        board="ideal",
        start=UtcTime.parse("2016-12-31T23:58:00Z"),
    )
    truth, stamps = world.truth, pulses(events)
    assert [truth.find(p.at).k for p in stamps] == list(range(300))
    for k, p in enumerate(stamps):
        assert p.at - stamps[0].at == pytest.approx(k * NS + truth.x_ns(k), abs=1.01), "stamp = true time + phase"
    assert truth.find(stamps[120].at).utc.iso() == "2016-12-31T23:59:60Z"
    assert truth.find(stamps[121].at).utc.iso() == "2017-01-01T00:00:00Z"
    assert truth.find(stamps[121].at).tai - truth.find(stamps[119].at).tai == 2 * NS
    assert truth.find(stamps[5].at + 1) is None
    mean = (stamps[-1].at - stamps[0].at - 299 * NS) / 299
    assert truth.mean_ppb() == pytest.approx(mean, abs=0.01)
    assert truth.mean_ppb(stamps[100].at, stamps[200].at) == pytest.approx(
        (stamps[200].at - stamps[100].at - 100 * NS) / 100, abs=0.03
    )
    assert truth.current_ppb() == pytest.approx(3000.0, abs=60.0), "17 steps of 1 ppb is what a walk of 300 s makes"
    assert truth.current_ppb() != truth.current_ppb(stamps[0].at) == 3000.0
    assert truth.summary() == {
        "freq_ppb": truth.current_ppb(),
        "mean_freq_ppb": truth.mean_ppb(),
        "n": 300,
        "span_s": 299,
        "first_pulse": {"t": stamps[0].at, "utc": "2016-12-31T23:58:00Z"},
        "last_pulse": {"t": stamps[-1].at, "utc": "2017-01-01T00:02:58Z"},
    }


def test_what_no_pulse_says_is_not_known() -> None:
    world, _ = run(duration_s=10, faults=("cold-start",))
    assert world.truth.summary() == {
        "freq_ppb": None,
        "mean_freq_ppb": None,
        "n": 0,
        "span_s": 0,
        "first_pulse": None,
        "last_pulse": None,
    }


def test_the_system_clock_shows_true_time_offset_and_slewed() -> None:
    world, events = run(
        duration_s=101,
        oscillator=STILL,
        pps_noise_ns=0.0,
        pps_bias_ns=0.0,
        board="ideal",
        system_offset_s=-3.5,
        correction_ppb=40_000.0,
    )
    stamps = pulses(events)
    assert stamps[0].shown == world.calendar.unix_ns(0) - 3_500_000_000
    assert stamps[100].shown - stamps[0].shown == 100 * NS + 4_000_000
    ticks = [e for e in events if isinstance(e, Tick)]
    assert len(ticks) == 11
    assert len({t.shown - t.mono_ns for t in ticks}) == 1, "a slew moves MONOTONIC too"


def _with(adjustment: Step | Slew, at_pulse: int = 10) -> tuple[list[PpsEdge], Applied, list[Applied]]:
    world = SimWorld(Scenario(duration_s=60, oscillator=STILL, pps_noise_ns=0.0, pps_bias_ns=0.0, board="ideal"))
    stamps, later, said = [], [], None
    for event in world.events():
        if isinstance(event, PpsEdge):
            stamps.append(event)
            if len(stamps) == at_pulse + 1:
                said = world.adjust(adjustment)
        elif isinstance(event, Applied):
            later.append(event)
    assert said is not None
    return stamps, said, later


def _offsets(stamps: list[PpsEdge]) -> list[int]:
    return [(p.shown - p.at) - (stamps[0].shown - stamps[0].at) for p in stamps]


def test_a_step_acts_on_everything_after_it() -> None:
    stamps, said, _ = _with(Step(-2_500_000_000))
    assert said == Applied(stamps[10].at, None, -2_500_000_000, 1, "gpstime")
    offsets = _offsets(stamps)
    assert offsets[:11] == [0] * 11
    assert offsets[11:] == [-2_500_000_000] * 49
    assert [p.era for p in stamps] == [0] * 11 + [1] * 49


def test_a_slew_that_nobody_renews_ends() -> None:
    stamps, said, later = _with(Slew(100_000.0, 20.0))
    assert said.freq_ppb == 100_000.0
    offsets = _offsets(stamps)
    assert offsets[11] == 100_000
    assert offsets[30] == 20 * 100_000
    assert offsets[-1] - offsets[-2] == 0
    assert [(e.freq_ppb, e.by) for e in later] == [(0.0, "fallback")]
    assert later[0].at - stamps[10].at == pytest.approx(20 * NS, abs=NS)


def test_the_kernel_slews_no_faster_than_500_ppm() -> None:
    stamps, said, _ = _with(Slew(2_000_000.0, 100.0))
    assert said.freq_ppb == 500_000.0
    assert _offsets(stamps)[20] == 10 * 500_000


def test_an_rtc_is_read_at_its_rollover() -> None:
    rtc = SimRtc(ppm=20.0, offset_s=2.25, every_s=16)
    world, events = run(duration_s=400, oscillator=STILL, board="ideal", rtc=rtc)
    readings = [e for e in events if isinstance(e, RtcReading)]
    assert len(readings) == 25
    raw0 = pulses(events)[0].at
    for r in readings:
        true_ns = r.at - raw0
        shows = true_ns + true_ns * 20e-6 + 2.25e9
        assert r.shown.unix - world.calendar.start.unix == pytest.approx(shows, abs=5000), "x.000 at the very moment"
        assert r.shown.ns_of_day % NS == 0
        assert (r.edge, r.trusted, r.chip) == (True, True, "ds3231")
    _, plain = run(duration_s=100, rtc=SimRtc(edge=False, trusted=False))
    assert all(not r.edge and not r.trusted for r in plain if isinstance(r, RtcReading))


def test_temperatures_are_those_of_the_crystal() -> None:
    _, events = run(duration_s=7200, sentences=("RMC",), oscillator=Oscillator(daily_c=5.0), temperature_s=600)
    celsius = [e.celsius for e in events if isinstance(e, Temperature)]
    assert len(celsius) == 12
    assert 0.1 < max(celsius) - min(celsius) < 5.1


def test_the_head_says_that_it_is_simulated() -> None:
    world, _ = run(duration_s=2, board="pi5", faults=("gga-first",))
    assert world.head["board"] == "Raspberry Pi 5 Model B Rev 1.0"
    assert world.head["started_utc"] == "2026-03-01T12:00:00Z"
    assert "simulated" in str(world.head["about"])
    assert "gga-first" in str(world.head["about"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"board": "pi9"}, "unknown board 'pi9'; known: pi0"),
        ({"duration_s": 0}, "at least one second"),
        ({"baud": 50}, "too low"),
        ({"pps_noise_ns": -1.0}, "can't be negative"),
        ({"pps_noise": "pink"}, "known: gauss"),
        ({"faults": ("leap-second",), "start": UtcTime.parse("2026-03-01T12:00:00Z")}, "no leap second within the run"),
        ({"start": UtcTime.parse("9999-12-31T23:59:50Z")}, "between 1980-01-06"),
        ({"start": UtcTime.parse("1979-12-31T23:59:50Z")}, "between 1980-01-06"),
    ],
)
def test_a_scenario_that_makes_no_sense_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run(**options)


@pytest.mark.parametrize("seed", range(40))
def test_any_faults_together_make_a_run_in_order(seed: int) -> None:
    draw = random.Random(seed)
    names = draw.sample(sorted(FAULTS), draw.randrange(2, 9))
    faults = tuple(fault(name, at=draw.uniform(0, 60), lasting=draw.choice((5.5, 30.0, math.inf))) for name in names)
    world, events = run(
        seed=seed,
        duration_s=draw.choice((61, 90)),
        board=draw.choice(("pi1", "pi4")),
        personality=draw.choice(("ublox-m8", "mtk3339", "l76")),
        start=None if "leap-second" in names else UtcTime.parse("2026-12-31T23:59:20Z"),
        pps_noise=draw.choice(("gauss", "student3", "outliers", "latency")),
        pps_noise_ns=draw.choice((0.0, 300.0, 1e6)),
        baud=draw.choice((None, 300, 4800, 115_200)),
        delay_ms=draw.choice((None, 0.0, 950.0, 1400.0)),
        rtc=draw.choice((None, SimRtc(ppm=-100.0, every_s=2))),
        tick_s=draw.choice((0, 1)),
        both_edges=draw.random() < 0.5,
        faults=faults,
    )
    fresh = [e.at for e in events if not (isinstance(e, PpsEdge) and e.edge == "clear" and "frozen-clear" in names)]
    assert all(a <= b for a, b in itertools.pairwise(fresh)), [str(f) for f in faults]
    assert all(world.truth.find(e.at) is not None for e in pulses(events))
    assert [p.k for p in world.truth.pulses()] == sorted({p.k for p in world.truth.pulses()})
