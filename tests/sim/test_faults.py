"""Every fault is visible in the events, and changes nothing that is not its own."""

from __future__ import annotations

import itertools

import pytest
from fault_checks import CHECKS, runs
from simulated import run, text

from gpstime.errors import UsageError
from gpstime.model import Tick
from gpstime.sim.faults import FAULTS, fault, parse_fault
from gpstime.times import NS


@pytest.mark.parametrize("name", CHECKS)
def test_each_fault_shows_and_a_run_without_it_does_not(name: str) -> None:
    plain, faulty, check = runs(name)
    assert check(plain, faulty)
    if name != "adjust-refused":
        assert not check(plain, plain), "the check can fail"


def test_every_fault_has_a_check() -> None:
    assert set(CHECKS) == {name for name in FAULTS if not name.startswith("rtc-") or name == "rtc-backed"}


WITH_PULSES = {"cold-start", "rtc-backed", "lost-fix", "drop-second", "power-cycle", "leap-second"}


@pytest.mark.parametrize("name", [n for n, k in FAULTS.items() if k.where in ("bytes", "receiver") and n not in WITH_PULSES])
def test_faults_of_the_bytes_leave_the_pulses_alone(name: str) -> None:
    plain, faulty, _ = runs(name)
    assert plain.pulses == faulty.pulses


@pytest.mark.parametrize("name", [n for n, k in FAULTS.items() if k.where in ("pulse", "clock")])
def test_faults_of_pulse_and_clock_leave_the_bytes_alone(name: str) -> None:
    plain, faulty, _ = runs(name)
    if name == "suspend":
        assert len(faulty.raw) < len(plain.raw)
    else:
        assert faulty.raw == plain.raw


@pytest.mark.parametrize(
    "name", ["duplicate-pulse", "missing-pulse", "rogue-pulse", "lost-fix", "cold-start", "drop-second", "frozen-clear"]
)
def test_the_other_pulses_keep_their_noise(name: str) -> None:
    plain, faulty, _ = runs(name)
    there = {p.at for p in plain.pulses}
    survivors = [p.at for p in faulty.pulses if faulty.kind(p) == "plain"]
    assert survivors
    assert there.issuperset(survivors)


def test_styles_of_a_leap_second() -> None:
    _, repeat = run(duration_s=20, sentences=("RMC",), faults=("leap-second:at=10s,style=repeat",))
    assert text(repeat).count(b",235959.00,A,") == 2
    _, late = run(duration_s=90, sentences=("RMC",), faults=("leap-second:at=10s,style=late",))
    clocks = [line.split(b",")[1] for line in text(late).splitlines()]
    assert clocks[9:12] == [b"235959.00", b"000000.00", b"000001.00"]
    assert clocks[68:72] == [b"000058.00", b"000059.00", b"000059.00", b"000100.00"], "60 s later it knows"


@pytest.mark.parametrize(
    ("text_", "field"),
    [("date=empty", b",V,,,,,,,,,,N,V*"), ("date=000000", b",000000,,,N,V*"), ("date=12013236", b",120136,,,N,V*")],
)
def test_dates_of_a_cold_start(text_: str, field: bytes) -> None:
    _, events = run(duration_s=30, faults=(f"cold-start:{text_}",))
    assert field in text(events)


def test_a_fault_in_text_is_what_it_says() -> None:
    made = parse_fault("duplicate-pulse:rate=0.02,at=10s,for=1m,gap=5us")
    assert (made.at_s, made.for_s, made.number("rate"), made.number("gap")) == (10.0, 60.0, 0.02, 5e-6)
    assert parse_fault(str(made)) == made
    assert [made.on(k) for k in (9, 10, 69, 70)] == [False, True, True, False]


@pytest.mark.parametrize("name", FAULTS)
def test_defaults_survive_their_text(name: str) -> None:
    assert parse_fault(str(fault(name))) == fault(name)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("nonesuch", "unknown fault 'nonesuch'; known: adjust-refused, backlog,"),
        ("duplicate-pulse:often=1", "has no parameter 'often'; it has: at, for, rate, gap"),
        ("duplicate-pulse:rate=2", "rate is a probability"),
        ("duplicate-pulse:rate=nan", "finite"),
        ("duplicate-pulse:rate=x", "must be a number"),
        ("duplicate-pulse:rate", "is not key=value"),
        ("unplug:at=x", "not a time span"),
        ("unplug:at=1h", "after the end of the run"),
        ("cold-start:date=yesterday", "is not vendor, empty, DDMMYY"),
        ("leap-second:style=odd", "known: 60, repeat, late"),
        ("ten-hz:hz=1000", "1 to 20 are possible"),
        ("pulse-rate:hz=0.3", "use a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_remedy(wrong: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run(duration_s=600, faults=(wrong,))


def test_the_same_fault_twice_is_refused_but_two_steps_are_fine() -> None:
    with pytest.raises(UsageError, match="given twice"):
        run(faults=("glued", "glued"))
    world, events = run(duration_s=60, faults=("system-step:at=10s,step=2s", "system-step:at=30s,step=-5s"))
    assert _shows_in_ticks_many([e.shown - e.mono_ns for e in events if isinstance(e, Tick)]) == [2 * NS, -5 * NS]
    assert world.clock.era == 2


def _shows_in_ticks_many(gaps: list[int]) -> list[int]:
    return [b - a for a, b in itertools.pairwise(gaps) if b != a]
