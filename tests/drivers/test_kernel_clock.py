"""The kernel's clock, on a kernel that is made up but stubborn: what is set, what is refused, and what is left after a kill."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest

from gpstime.app.beat import Beat
from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.core.policy import Policy
from gpstime.drivers.adjtimex import STA_INS, STA_PLL, STA_UNSYNC, kernel_call
from gpstime.drivers.kernel_clock import NOT_PERMITTED, STA_FREQHOLD, KernelClock
from gpstime.model import Adjustment, Applied, Event, Mode, PpsEdge, Slew, Step
from gpstime.sim.steered_machine import SteeredMachine
from gpstime.times import NS, RawNs, UnixNs

TIMEX = kernel_call()[1]
FOREVER = math.inf


def clock_of(machine: SteeredMachine, beats: bool = False) -> KernelClock:
    return KernelClock(machine, machine.adjtimex, TIMEX, beats=beats)


class Pulses:
    """Fits `ports.World`: a pulse each true second on a crystal that gains `ppb`; the clock is steered through the driver.

    `beats`: as the service does it. `uneven`: now and then something else wakes the machine, and a pulse is thought about for 20 us
    to 8 ms.
    """

    def __init__(
        self,
        machine: SteeredMachine,
        seconds: int,
        ppb: float,
        noise_ns: float = 300.0,
        killed: int | None = None,
        beats: bool = False,
        uneven: bool = False,
    ) -> None:
        self.machine, self.clock, self._uneven = machine, clock_of(machine, beats), uneven
        self._beat = Beat(self.clock, machine) if beats else None
        self._seconds, self._rate, self._noise, self._killed = seconds, 1.0 + ppb * 1e-9, noise_ns, killed
        self._raw0 = machine.at + NS
        self._real0 = machine.shows("real") + NS
        self._real0 = (self._real0 + NS // 2) // NS * NS
        self.off_ns: list[int] = []
        """The clock's true offset at each true second."""
        self.applied: list[Applied] = []

    def true_raw(self, k: int) -> int:
        return self._raw0 + round(k * NS * self._rate)

    def events(self) -> Iterator[Event]:
        noise, wakes = random.Random(1).gauss, random.Random(2)
        for k in range(self._seconds):
            if self._uneven:
                for at in sorted(self.true_raw(k) - wakes.randrange(NS) for _ in range(wakes.randrange(3))):
                    self._beats_until(at)  # something else happens, and wakes the machine
                    self.machine.run_to(at)
            self._beats_until(self.true_raw(k))
            self.machine.run_to(self.true_raw(k))
            off = self.machine.shows("real") - (self._real0 + k * NS)
            self.off_ns.append(off)
            late = round(noise(0.0, self._noise)) if self._noise else 0
            raw, shown = RawNs(self.machine.at + late), UnixNs(self.machine.shows("real") + late)
            self.machine.run_to(self.machine.at + (round(10 ** wakes.uniform(4.3, 6.9)) if self._uneven else 300_000))
            if self._killed is None or k < self._killed:
                yield PpsEdge(raw, shown, seq=k, era=len(self.machine.stepped))

    def _beats_until(self, raw: int) -> None:
        while self._beat is not None and self._beat.due < raw:
            self.machine.run_to(self._beat.due)
            self._beat.poll(0.0)

    def adjust(self, adjustment: Adjustment) -> Applied:
        at = self.machine.at
        done = self.clock.step(adjustment, at) if isinstance(adjustment, Step) else self.clock.slew(adjustment, at)
        self.applied.append(done)
        return done

    def close(self) -> None:
        self.clock.release()


def steer(
    machine: SteeredMachine,
    seconds: int,
    ppb: float,
    policy: Policy | None = None,
    killed: int | None = None,
    beats: bool = False,
    uneven: bool = False,
) -> tuple[Pulses, Engine]:
    world = Pulses(machine, seconds, ppb, killed=killed, beats=beats, uneven=uneven)
    engine = Engine(BUILT_IN.table, discipline=policy or Policy(second_known=True, next_second=True))
    run(world, engine, [])
    return world, engine


# ---- the loop through the driver ---------------------------------------------------------------------------------------------


def test_from_100_ms_and_20_ppm_to_below_a_microsecond() -> None:
    machine = SteeredMachine()
    machine.step(100_000_000)
    world, engine = steer(machine, 400, 20_000.0)
    assert len(machine.stepped) == 1
    assert max(map(abs, world.off_ns[15:])) < 10_000
    assert max(map(abs, world.off_ns[200:])) < 500
    assert engine.discipline is not None
    assert engine.discipline.mode is Mode.TRACKING
    assert machine.forever_ppb == pytest.approx(-20_000.0, abs=20.0)


def test_who_does_not_know_that_phase_comes_a_second_late_rings() -> None:
    """The twin of `next_second`: the same loop, told that the clock obeys at once, takes the same offset out twice."""
    told, untold = SteeredMachine(), SteeredMachine()
    knows, _ = steer(told, 400, 20_000.0)
    rings, _ = steer(untold, 400, 20_000.0, Policy(second_known=True))
    spread = [max(map(abs, w.off_ns[100:])) for w in (knows, rings)]
    assert spread[1] > 1.5 * spread[0]


def test_a_slew_of_50_ms_takes_as_long_as_was_said_and_never_more_than_500_ppm() -> None:
    machine = SteeredMachine()
    machine.step(50_000_000)
    world, _ = steer(machine, 300, 10_000.0, Policy(first_step_ns=0, step_ns=0, second_known=True, next_second=True))
    assert not machine.stepped
    steps = [b - a for a, b in zip(world.off_ns, world.off_ns[1:], strict=False)]
    assert min(steps) > -501_000
    below = next(k for k, off in enumerate(world.off_ns) if abs(off) < 1000)
    assert 95 < below < 125
    assert max(map(abs, world.off_ns[below + 20 :])) < 1500


# ---- on a processor that idles without a tick --------------------------------------------------------------------------------

TICKS_NS = (1_000_000, 4_000_000, 10_000_000)
"""HZ = 1000, 250, 100."""


SLEWING = Policy(first_step_ns=0, step_ns=0, second_known=True, next_second=True)


@pytest.mark.parametrize("tick_ns", TICKS_NS)
@pytest.mark.parametrize(("x0_ns", "settled"), [(-400_000, 10), (400_000, 10), (-30_000_000, 75), (30_000_000, 75)])
def test_on_an_idle_machine_beats_keep_the_clock_as_well_as_a_tick_does(tick_ns: int, x0_ns: int, settled: int) -> None:
    seen = []
    for machine in (SteeredMachine(), SteeredMachine(idle_tick_ns=tick_ns)):
        machine.step(x0_ns)
        world, _ = steer(machine, 300, 20_000.0, SLEWING, beats=True, uneven=True)
        assert max(map(abs, world.off_ns[settled:])) < 5_000
        seen.append(max(map(abs, world.off_ns[100:])))
    assert seen[1] < 1.2 * seen[0] < 500


def test_on_an_idle_machine_without_beats_a_phase_comes_when_it_likes_and_is_too_large() -> None:
    """The twin: a phase may take the place of one that has not begun, and its end is noticed late."""
    idle = SteeredMachine(idle_tick_ns=4_000_000)
    idle.step(-400_000)
    world, _ = steer(idle, 300, 20_000.0, SLEWING, uneven=True)
    assert max(map(abs, world.off_ns[10:])) > 20_000


@pytest.mark.parametrize("tick_ns", TICKS_NS)
@pytest.mark.parametrize("asked_s", [0.0003, 0.0115, 0.2, 0.7, 0.995])
@pytest.mark.parametrize("phase_ns", [123_456.0, -420_000.0, 300.0])
def test_a_phase_is_carried_once_whenever_it_is_asked_for(tick_ns: int, asked_s: float, phase_ns: float) -> None:
    """In the clock's next second; in the one after that if it is asked for late. To the share of it that a beat may be late."""
    begin = 1_800_000_000 * NS
    machine = SteeredMachine(real=begin, idle_tick_ns=tick_ns)
    clock = clock_of(machine, beats=True)
    beat = Beat(clock, machine)
    apart = machine.shows("real") - machine.at

    def gained_at(seconds: float) -> int:
        """What the clock has gained when it shows so many seconds; nobody wakes the machine meanwhile but the beat."""
        until = begin + round(seconds * NS)
        while (left := until - machine.shows("real")) > 0:
            machine.run_to(min(beat.due, machine.at + left))
            if machine.at == beat.due:
                beat.poll(0.0)
        return machine.shows("real") - machine.at - apart

    clock.slew(Slew(0.0, FOREVER), machine.at)
    assert gained_at(2 + asked_s) == 0
    done = clock.slew(Slew(phase_ns, 1.5), machine.at)
    assert done.freq_ppb == pytest.approx(phase_ns, abs=0.5)
    carried = 3 if asked_s < 0.5 else 4
    assert gained_at(carried) == 0
    assert gained_at(carried + 0.5) == pytest.approx(phase_ns / 2, abs=2 + 0.013 * abs(phase_ns))
    for seconds in (1.1, 2, 5, 30):
        assert gained_at(carried + seconds) == pytest.approx(phase_ns, abs=2 + 0.002 * abs(phase_ns))


def test_beats_end_with_the_phase_and_touch_a_clock_no_more_that_nobody_steers() -> None:
    machine = SteeredMachine()
    clock = clock_of(machine, beats=True)
    beat = Beat(clock, machine)

    def calls(seconds: int) -> int:
        before, until = len(machine.calls), machine.at + seconds * NS
        while beat.due < until:
            machine.run_to(beat.due)
            assert beat.poll(0.0) == []
        machine.run_to(until)
        return len(machine.calls) - before

    assert calls(5) == 0, "nobody asked for anything yet"
    clock.slew(Slew(5.0, FOREVER), machine.at)
    assert calls(5) == 0, "the bare drift needs no beat"
    clock.slew(Slew(400.0, 1.5), machine.at)
    assert calls(4) > 2
    assert calls(10) == 0
    clock.slew(Slew(400.0, 1.5), machine.at)
    clock.release()
    machine.sleep(1)
    assert calls(4) == 0


def test_a_beat_that_is_refused_says_so() -> None:
    machine = SteeredMachine(real=1_800_000_000 * NS + 990_000_000)
    clock = clock_of(machine, beats=True)
    clock.slew(Slew(400.0, 1.5), machine.at)
    machine.permitted = False
    machine.sleep(0.022)
    assert clock.beat() == Applied(clock.read().raw, None, 0, 0, "", NOT_PERMITTED) or machine.refused
    assert clock.beat() is None, "once"


def test_what_somebody_else_set_is_told_and_put_right_while_phase_is_asked_for() -> None:
    machine = SteeredMachine()
    strange: list[float] = []
    clock = KernelClock(machine, machine.adjtimex, TIMEX, on_stranger=strange.append)
    clock.slew(Slew(-3_000.0, FOREVER), machine.at)
    clock.slew(Slew(-2_000.0, 1.5), machine.at)
    assert not strange
    machine.adjtimex(asked(0x4012, freq=20 << 16, tick=10_001, status=0))
    done = clock.slew(Slew(-2_500.0, 1.5), machine.at)
    assert strange == [pytest.approx(120_000.0)]
    assert done.freq_ppb == pytest.approx(-2_500.0, abs=0.5)
    assert machine.forever_ppb == pytest.approx(-3_000.0, abs=0.02)
    assert machine.status & (STA_PLL | STA_FREQHOLD) == STA_PLL | STA_FREQHOLD


def test_a_clock_that_somebody_else_has_taken_is_left_to_him() -> None:
    """chronyd came, was seen, and the loop stopped: neither what is declared then nor our end may touch what chronyd set."""
    machine = SteeredMachine()
    clock = clock_of(machine)
    clock.slew(Slew(-3_000.0, FOREVER), machine.at)
    clock.slew(Slew(-2_000.0, 1.5), machine.at)
    clock.declare(5_000.0, 37, 0)
    assert machine.maxerror_us == 5
    machine.adjtimex(asked(0x16, freq=20 << 16, status=0, maxerror=77))
    calls = len(machine.calls)
    clock.declare(math.inf, 37, 0)
    clock.release()
    assert len(machine.calls) == calls
    assert (machine.forever_ppb, machine.maxerror_us, machine.status & 0xFF) == (20_000.0, 77, 0)


# ---- what is left when nobody renews -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("killed", [12, 40, 80])
def test_killed_in_a_slew_only_the_bare_drift_stays(killed: int) -> None:
    """SIGKILL: no handler, no release. The pulses go on, nobody listens."""
    machine = SteeredMachine()
    machine.step(100_000_000)
    world, _ = steer(
        machine, killed + 60, 15_000.0, Policy(first_step_ns=0, step_ns=0, second_known=True, next_second=True), killed
    )
    before = world.off_ns[killed]
    assert abs(before) > 1_000_000, "it was killed in the middle of the slew"
    assert not machine.slewing
    assert machine.forever_ppb == pytest.approx(-15_000.0, abs=100.0)
    after = world.off_ns[killed + 5 :]
    assert abs(after[-1] - after[0]) < 10_000, "nothing but the drift's own error moves the clock"
    assert abs(after[0] - before) < 1_010_000, "at most the second that was asked for and the one in force"


def test_released_only_the_bare_drift_stays() -> None:
    machine = SteeredMachine()
    machine.step(30_000_000)
    world, _ = steer(machine, 20, 15_000.0, Policy(first_step_ns=0, step_ns=0, second_known=True, next_second=True))
    world.close()
    world.close()
    machine.sleep(1.1)
    assert not machine.slewing
    assert machine.forever_ppb == pytest.approx(-15_000.0, abs=100.0)
    assert machine.status == STA_UNSYNC


# ---- what is set, and what is refused ----------------------------------------------------------------------------------------


def test_a_frequency_is_read_back() -> None:
    machine = SteeredMachine()
    told: list[float] = []
    clock = KernelClock(machine, machine.adjtimex, TIMEX, on_frequency=told.append)
    done = clock.slew(Slew(-12_345.678, FOREVER), machine.at)
    assert done.freq_ppb == pytest.approx(-12_345.678, abs=0.01)
    assert done.freq_ppb == machine.forever_ppb == told[0]


@pytest.mark.parametrize("ppb", [600_000.0, -750_123.4, 3_000_000.0, 200e6])
def test_beyond_500_ppm_the_tick_helps(ppb: float) -> None:
    """The kernel cuts `freq` at 500 ppm without a word; what remains goes into the tick, up to 10 %."""
    machine = SteeredMachine()
    done = clock_of(machine).slew(Slew(ppb, FOREVER), machine.at)
    assert done.freq_ppb == machine.forever_ppb
    assert done.freq_ppb == pytest.approx(min(ppb, 100_500_000.0), abs=0.01)


def test_a_phase_is_carried_in_the_next_second() -> None:
    machine = SteeredMachine(real=1_800_000_000 * NS + 1)
    clock = clock_of(machine)
    clock.slew(Slew(0.0, FOREVER), machine.at)
    begin = machine.shows("real") - machine.at
    clock.slew(Slew(123_456.0, 1.5), machine.at)
    machine.sleep(0.9)
    assert machine.shows("real") - machine.at == begin, "not before the clock's second ends"
    machine.sleep(1.0)
    assert machine.shows("real") - machine.at - begin == pytest.approx(0.9 * 123_456, abs=3)
    clock.slew(Slew(0.0, 1.5), machine.at)
    machine.sleep(3.0)
    # the second is that much shorter in raw time, so that 0.012 % of it is missing
    assert machine.shows("real") - machine.at - begin == pytest.approx(123_456, abs=17)


def test_a_step_of_either_sign_is_exact_and_ends_a_slew() -> None:
    machine = SteeredMachine()
    clock = clock_of(machine)
    clock.slew(Slew(400_000.0, 1.5), machine.at)
    before = machine.shows("real") - machine.at
    assert clock.step(Step(-1_250_000_007), machine.at) == Applied(machine.at, None, -1_250_000_007, 1, "gpstime")
    assert machine.shows("real") - machine.at == before - 1_250_000_007
    assert not machine.slewing
    assert clock.step(Step(7), machine.at).era == 2
    machine.sleep(5)
    assert machine.shows("real") - machine.at == before - 1_250_000_000


def test_a_step_before_the_machine_was_started_is_refused_in_words() -> None:
    machine = SteeredMachine()
    done = clock_of(machine).step(Step(-1_900_000_000 * NS), machine.at)
    assert done.refused.startswith("REFUSED: ")
    assert not done.step_ns
    assert not machine.stepped


def test_without_the_right_it_is_a_state_with_a_remedy() -> None:
    machine = SteeredMachine(permitted=False)
    clock = clock_of(machine)
    for done in (
        clock.slew(Slew(5.0, FOREVER), machine.at),
        clock.slew(Slew(5.0, 1.5), machine.at),
        clock.step(Step(1), machine.at),
    ):
        assert done == Applied(machine.at, None, 0, 0, "", NOT_PERMITTED)
        assert "AmbientCapabilities=CAP_SYS_TIME" in done.refused
    clock.declare(1.0, 37, 1)
    clock.release()
    assert machine.refused == 3
    assert not machine.calls, "a clock that was never steered is left alone"


def test_without_the_right_the_discipline_is_faulted() -> None:
    world, engine = steer(SteeredMachine(permitted=False), 60, 1000.0)
    assert engine.discipline is not None
    assert engine.discipline.mode is Mode.FAULTED
    assert "NOT_PERMITTED" in engine.discipline.modes.why
    assert len(world.applied) <= 3, "it does not go on asking"


def test_the_kernel_never_takes_the_clock_for_synchronised_and_others_see_the_bound() -> None:
    machine = SteeredMachine()
    clock = clock_of(machine)
    clock.declare(1.0, None, 0)
    assert not machine.calls
    clock.slew(Slew(0.0, FOREVER), machine.at)
    clock.declare(20_100.0, 37, 0)
    assert (machine.maxerror_us, machine.tai_s) == (21, 37)
    assert machine.status & 0xFF == STA_UNSYNC | STA_PLL | STA_FREQHOLD
    machine.sleep(10)
    assert machine.maxerror_us == 21 + 10 * 500
    clock.declare(math.inf, 37, 0)
    assert machine.maxerror_us == 16_000_000
    machine.sleep(3600)
    assert machine.status & STA_UNSYNC


def test_a_leap_second_is_the_kernels_to_insert_on_the_day_it_is_told() -> None:
    midnight = 1_483_228_800 * NS
    machine = SteeredMachine(real=midnight - 10 * NS)
    clock = clock_of(machine)
    clock.slew(Slew(0.0, FOREVER), machine.at)
    clock.declare(1e5, 36, 1)
    assert machine.status & STA_INS
    apart = machine.shows("real") - machine.at
    machine.sleep(20)
    assert machine.shows("real") - machine.at == apart - NS
    assert machine.tai_s == 37
    clock.declare(1e5, 37, 0)
    assert not machine.status & STA_INS


# ---- the kernel that is made up ----------------------------------------------------------------------------------------------


def asked(modes: int, **fields: int) -> object:
    timex = TIMEX()
    timex.modes = modes
    for name, value in fields.items():
        setattr(timex, name, value)
    return timex


def ask(machine: SteeredMachine, modes: int, **fields: int) -> object:
    timex = asked(modes, **fields)
    machine.adjtimex(timex)
    return timex


def test_it_refuses_what_the_kernel_refuses() -> None:
    machine = SteeredMachine()
    for modes, fields in [
        (0x4000, {"tick": 8_999}),
        (0x4000, {"tick": 11_001}),
        (0x8000, {}),
        (0x2100, {"time_us": -1}),
        (0x2100, {"time_us": NS}),
    ]:
        with pytest.raises(OSError, match="Invalid argument"):
            ask(machine, modes, **fields)
    assert not machine.calls
    assert ask(machine, 0x2, freq=600 << 16).freq == 500 << 16  # type: ignore[attr-defined]
    machine.permitted = False
    ask(machine, 0xA001)
    with pytest.raises(PermissionError):
        ask(machine, 0x8001, offset=5)
