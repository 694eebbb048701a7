"""`gpstime discipline` and the service that steers: dry run by default, rivals named, what is declared, what is left at the end."""

from __future__ import annotations

import io
import json
import math
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import pytest
from doubles import VirtualTime

from gpstime.app.catalogue import fit
from gpstime.app.config import parse
from gpstime.app.daemon import Fitted, serve
from gpstime.app.discipline import discipline, rivals
from gpstime.app.discipline_words import standing
from gpstime.app.dry_run import DryWorld
from gpstime.app.live import LiveTime
from gpstime.app.run import run
from gpstime.app.settings import Config, Service
from gpstime.app.steered import Declarer, SteeredWorld, biases_of
from gpstime.app.steering_fit import policy_of
from gpstime.app.worlds import Opened
from gpstime.cli import main
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.core.policy import Policy
from gpstime.drivers import steering
from gpstime.drivers.steering import SteeringWatch
from gpstime.errors import DeviceBusy
from gpstime.model import (
    Adjustment,
    Applied,
    BoundStatus,
    ErrorBound,
    Event,
    Finding,
    Mode,
    ModeChange,
    Offset,
    PpsEdge,
    Slew,
    Step,
)
from gpstime.ports import Together, World
from gpstime.report.disciplined import as_object
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.capture import encode, encode_head
from gpstime.store.digest import Digest
from gpstime.store.recorded import RecordedWorld, lower_bound
from gpstime.times import NS, RawNs, UtcTime

ROOT = Path(__file__).resolve().parents[2]


def ran(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["discipline", *words])
    out, err = capsys.readouterr()
    return code, out, err


SIM = ("--world", "sim", "--for", "3m", "--seed", "4")


# ---- the command -------------------------------------------------------------------------------------------------------------


def test_a_simulated_clock_is_really_steered(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(capsys, *SIM, "--steer", "--system-offset", "300ms", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["mode"], found["steered"], found["simulated"], found["label"]) == ("tracking", True, True, "ok")
    assert abs(found["true_offset_ns"]) < found["bound_ns"] < 5000
    assert [round(s["delta_ns"] / 1e6) for s in found["steps"]] == [-300]
    assert found["steps"][0]["after"] - found["steps"][0]["before"] == found["steps"][0]["delta_ns"]
    assert "stepping the clock by -0.30" in err
    biases, noise = ("receiver", "cable", "pulse", "left"), ("fit", "jitter", "age", "wander")
    parts = found["parts_ns"]
    assert found["bound_ns"] == pytest.approx(
        sum(parts[b] for b in biases) + 1.96 * math.hypot(*(parts[n] for n in noise)), abs=0.01
    )


def test_without_steer_nothing_is_done_and_the_whole_loop_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, *SIM, "--system-offset", "300ms")
    assert code == 0
    assert "DRY RUN: nothing is done to any clock" in out
    assert "-0.30" in next(line for line in out.splitlines() if line.strip().startswith("steps"))
    assert "truth" not in out


def test_a_slew_comes_with_its_time_of_arrival(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(capsys, *SIM, "--steer", "--system-offset", "20ms", "--first-step", "0", "--json")
    found = json.loads(out)
    assert code == 0
    assert not found["steps"]
    (slew,) = found["slews"]
    assert slew["arrives_s"] == pytest.approx(40.0, rel=0.05)
    assert "there in 40" in err
    assert abs(found["true_offset_ns"]) < 5000


@pytest.mark.parametrize("ppm", [60.0, -60.0])
@pytest.mark.parametrize("off_s", [0.02, -0.02])
def test_a_slew_arrives_when_it_was_said_to_whichever_way_the_crystal_goes(ppm: float, off_s: float) -> None:
    """500 ppm with the drift in it: against the drift less is left for the offset; with it no more than the kernel can carry."""
    scenario = Scenario(seed=4, duration_s=150, oscillator=Oscillator(ppm=ppm), system_offset_s=off_s)
    world = SimWorld(scenario)
    seen: list[Any] = []
    policy = Policy(first_step_ns=0, step_ns=0)
    opened = Opened(world, lower_bound(world.head), True)
    done = discipline(opened, BUILT_IN.table, policy, name="sim", steer=True, sinks=[seen.append])
    ((_, slew),) = done.slews
    rate = min(500e3, 500e3 - ppm * 1e3 * math.copysign(1.0, off_s))
    assert slew.rate_ppb == pytest.approx(-math.copysign(rate, off_s), rel=2e-3)
    arrived = next(e.at for e in seen if isinstance(e, Offset) and e.offset_ns is not None and abs(e.offset_ns) < 20_000)
    assert (arrived - slew.at) / 1e9 == pytest.approx(slew.arrives_s, abs=2.0)


def test_refused_is_exit_1_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(capsys, *SIM, "--steer", "--fault", "adjust-refused")
    assert code == 1
    assert "NOT_PERMITTED" in out
    assert "NOT_PERMITTED" in err


@pytest.mark.parametrize("words", [("--max-slew", "600"), ("--step", "-1"), ("--step-updates", "-3"), ("--first-step", "soon")])
def test_a_policy_that_makes_no_sense_is_exit_2(capsys: pytest.CaptureFixture[str], words: tuple[str, str]) -> None:
    try:
        code = main(["discipline", "--world", "sim", *words])
    except SystemExit as e:
        code = int(str(e.code))
    assert code == 2


def test_a_recording_can_be_looked_at_and_not_steered(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    capture = str(tmp_path / "c.jsonl")
    assert main(["sim", capture, "--for", "2m", "--system-offset", "50ms"]) == 0
    code, _, err = ran(capsys, "--world", capture, "--steer")
    assert code == 2
    assert "a recording can't be steered" in err
    code, out, _ = ran(capsys, "--world", capture, "--json")
    found = json.loads(out)
    assert code == 0
    assert [round(s["delta_ns"] / 1e6) for s in found["steps"]] == [-50]
    assert (found["simulated"], found["late_ns"]) == (True, None)
    _, out, _ = ran(capsys, "--world", capture)
    assert out.splitlines()[0].startswith("SIMULATED: ")
    assert "DRY RUN" in out.splitlines()[0]


def test_a_lateness_that_is_known_stands_in_the_ledger(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Taken off before the loop hears of the pulse; its doubt is a part of the bound. Nobody says that this one is made up."""
    made, real = tmp_path / "made.jsonl", tmp_path / "real.jsonl"
    assert main(["sim", str(made), "--for", "2m"]) == 0
    head, *rest = made.read_text().splitlines()
    stamps = {"backend": "kernel", "bias_ns": 13_500, "bias_err_ns": 6_500, "bias_why": "a Pi 5"}
    real.write_text("\n".join([json.dumps(json.loads(head) | {"host": "pi", "stamps": stamps}), *rest]) + "\n")
    _, out, _ = ran(capsys, "--world", str(real))
    assert out.startswith("DRY RUN")
    assert "pulse's lateness 6.5 us" in out
    assert "come 13.5 us late as far as is known, taken off" in out
    found = json.loads(ran(capsys, "--world", str(real), "--json")[1])
    assert (found["late_ns"], found["parts_ns"]["pulse"], found["simulated"]) == (13_500, 6_500, False)


def test_a_rival_is_named_and_refused_before_any_device_is_opened(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "who_steers", lambda: ("chronyd (pid 612)", "ptp4l (pid 7)"))
    code, _, err = ran(capsys, "--steer")
    assert code == 2
    assert "chronyd (pid 612) and ptp4l (pid 7) steer this clock" in err
    assert "systemctl stop chronyd" in err
    assert "--takeover" in err
    rivals(("chronyd (pid 612)",), takeover=True)
    rivals((), takeover=False)


def test_the_keys_are_those_of_the_paper() -> None:
    opened = Opened(SimWorld(Scenario(duration_s=5)), None, True)
    made = as_object(discipline(opened, BUILT_IN.table, Policy(), name="sim"))
    text = (
        (ROOT / "docs" / "json.md").read_text(encoding="utf-8").split("## gpstime discipline --json\n", 1)[1].split("\n## ", 1)[0]
    )
    first = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
    assert {word for cell in first for word in re.findall(r"`(\w+)`", cell)} == set(made)
    status = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    (row,) = [line for line in status.splitlines() if line.startswith("| `discipline` |")]
    loop = Engine(BUILT_IN.table, discipline=Policy()).discipline
    assert loop is not None
    assert set(re.findall(r"`(\w+)`", row)) - {"discipline", "holdovers"} == set(standing(loop))


# ---- worlds ------------------------------------------------------------------------------------------------------------------


class Noting:
    """Fits `ports.World` around another and notes what edges show."""

    def __init__(self, world: World) -> None:
        self.world, self.shown = world, []  # type: ignore[var-annotated]

    def events(self) -> Iterator[Event]:
        for event in self.world.events():
            if isinstance(event, PpsEdge):
                self.shown.append(event.shown)
            yield event

    def adjust(self, adjustment: Adjustment) -> Applied:
        return self.world.adjust(adjustment)

    def close(self) -> None:
        self.world.close()


@pytest.mark.parametrize("faults", [(), ("missing-pulse:rate=0.1",), ("lost-fix:at=200,for=60",), ("system-step:at=100,step=2",)])
def test_a_dry_run_shows_what_steering_would_to_5_ns(faults: tuple[str, ...]) -> None:
    """The same board steered for real and on a clock that only looks as if. Between pulses the two end a slew a moment apart."""
    shown = []
    for dry in (False, True):
        board = SimWorld(Scenario(seed=8, duration_s=400, system_offset_s=0.07, faults=faults))
        world = Noting(DryWorld(board) if dry else board)
        run(world, Engine(BUILT_IN.table, lower_bound(board.head), discipline=Policy()), [])
        shown.append(world.shown)
    assert len(shown[0]) > 300
    assert max(abs(a - b) for a, b in zip(*shown, strict=True)) <= 5


class Spy:
    """Fits `ports.SteeredClock`: notes, and does nothing."""

    max_freq_ppb = 500_000.0

    def __init__(self) -> None:
        self.asked: list[Slew | Step] = []
        self.declared: list[tuple[float, int | None, int]] = []
        self.released = 0

    def read(self) -> Together:
        return Together(RawNs(7), 0, 0, 1)  # type: ignore[arg-type]

    def slew(self, slew: Slew, at: RawNs) -> Applied:
        self.asked.append(slew)
        return Applied(at, slew.freq_ppb, 0, 0, "gpstime")

    def step(self, step: Step, at: RawNs) -> Applied:
        self.asked.append(step)
        return Applied(at, None, step.delta_ns, 1, "gpstime")

    def declare(self, bound_ns: float, tai_minus_utc_s: int | None, leap: int) -> None:
        self.declared.append((bound_ns, tai_minus_utc_s, leap))

    def release(self) -> None:
        self.released += 1


def test_the_clock_is_released_whatever_ends_the_run() -> None:
    class Broken(SimWorld):
        def close(self) -> None:
            raise OSError("a device that can't even be closed")

    spy = Spy()
    opened = Opened(Broken(Scenario(duration_s=60)), None, False)
    with pytest.raises(OSError, match="can't even be closed"):
        discipline(opened, BUILT_IN.table, Policy(next_second=True), name="x", clock=spy, steer=True)
    assert spy.released == 1
    assert any(isinstance(a, Slew) and math.isinf(a.lasting_s) for a in spy.asked)


def test_what_happens_to_the_clock_is_said_with_its_instant() -> None:
    spy = Spy()
    world = SteeredWorld(SimWorld(Scenario(duration_s=5)), spy)
    assert world.adjust(Slew(5.0, 1.5)) == Applied(RawNs(7), 5.0, 0, 0, "gpstime")
    assert world.adjust(Step(9)) == Applied(RawNs(7), None, 9, 1, "gpstime")


def declared(start: UtcTime, seconds: int, *faults: str) -> Spy:
    board = SimWorld(Scenario(seed=2, duration_s=seconds, start=start, faults=faults))
    engine, spy = Engine(BUILT_IN.table, lower_bound(board.head), discipline=Policy()), Spy()
    run(board, engine, [Declarer(spy, engine, BUILT_IN.table)])
    return spy


def test_others_are_told_bound_tai_and_a_leap_second_on_its_own_day_only() -> None:
    usual = declared(UtcTime.civil(2016, 11, 30, 12), 200).declared
    assert 10 <= len(usual) <= 14, "every 16 s"
    assert {(tai, leap) for _, tai, leap in usual} == {(36, 0)}
    (first, _, _), *later = usual
    assert first < 30_000, "little is known of the noise yet"
    assert all(b < 21_000 for b, _, _ in later)
    assert {leap for _, _, leap in declared(UtcTime.civil(2016, 12, 31, 12), 200).declared} == {1}


def test_after_a_step_it_is_said_again_how_good_the_clock_is() -> None:
    """A step makes the kernel forget it: others would read 16 s for 16 s."""
    engine, spy = Engine(BUILT_IN.table, discipline=Policy(second_known=True)), Spy()
    tell, bound = (
        Declarer(spy, engine, BUILT_IN.table),
        ErrorBound(RawNs(NS), RawNs(99 * NS), 5_000.0, 1.0, BoundStatus.SYNCHRONIZED, {}),
    )
    tell(bound)
    tell(replace(bound, as_of=RawNs(2 * NS)))
    assert len(spy.declared) == 1
    tell(Applied(RawNs(2 * NS), None, -70_000_000, 1, "gpstime"))
    tell(replace(bound, as_of=RawNs(3 * NS)))
    tell(replace(bound, as_of=RawNs(4 * NS)))
    assert len(spy.declared) == 2


def test_of_a_clock_that_nobody_steers_any_more_nothing_is_known() -> None:
    spy = declared(UtcTime.civil(2016, 11, 30, 12), 400, "chrony-slews:at=200")
    assert spy.declared[-1] == (math.inf, None, 0)


def test_how_late_stamps_may_be_is_taken_from_the_pulse_that_is_open() -> None:
    assert biases_of({}).pulse_ns == biases_of({"stamps": {"bias_err_ns": None}}).pulse_ns == 20_000.0
    assert biases_of({"stamps": {"bias_err_ns": 3000}}).pulse_ns == 3000.0


# ---- the service -------------------------------------------------------------------------------------------------------------

STEER = '[record]\nfolder = ""\n[discipline]\nsteer = true\n'


def test_the_service_steers_only_if_told() -> None:
    assert not Config().discipline.steer
    nobody = SteeringWatch(lambda: None, lambda: ())
    idle = fit(parse('[record]\nfolder = ""\n', "x"), LiveTime(VirtualTime()), steering=nobody)
    assert idle.policy is None
    told = fit(parse(STEER + "step_ms = 0\nnever_back = true\nmax_slew_ppm = 100\n", "x"), LiveTime(VirtualTime()), steering=nobody)
    assert told.policy == Policy(step_ns=0, never_back=True, max_slew_ppb=1e5, next_second=True)
    assert policy_of(Config().discipline) == Policy(next_second=True)


def test_the_service_refuses_beside_another_daemon() -> None:
    chronyd = SteeringWatch(lambda: None, lambda: ("chronyd (pid 612)",))
    with pytest.raises(DeviceBusy, match=r"chronyd \(pid 612\) steers this clock"):
        fit(parse(STEER, "x"), LiveTime(VirtualTime()), steering=chronyd)
    assert fit(parse(STEER + "takeover = true\n", "x"), LiveTime(VirtualTime()), steering=chronyd).policy is not None


class Replayed:
    """A source that gives the events of a simulated board, then calls `over` and is silent."""

    name = "sim"

    def __init__(self, time: VirtualTime, over: Any) -> None:
        self.time, self.over = time, over
        self.events = SimWorld(Scenario(seed=5, duration_s=200, system_offset_s=0.01)).events()

    def poll(self, timeout_s: float) -> list[Event]:
        events = list(islice(self.events, 200))
        if not events:
            over, self.over = self.over, lambda: None
            over()
            return []
        self.time.at = events[-1].at
        return events

    def close(self) -> None:
        pass


def test_a_service_that_steers_says_so_and_lets_go_at_the_end() -> None:
    time, out, spy = VirtualTime(), io.StringIO(), Spy()
    fitted = Fitted([Replayed(time, lambda: os.kill(os.getpid(), signal.SIGTERM))], policy=Policy(), clock=spy)
    quiet = replace(Config(), service=Service(socket="", summary_s=100.0))
    assert serve(quiet, fitted, BUILT_IN.table, LiveTime(time), {}, out) == 0
    log = out.getvalue()
    assert "discipline: acquiring -> tracking" in log
    assert "discipline: stepping the clock by -0.0" in log
    assert isinstance(spy.asked[0], Step)
    assert spy.declared
    assert spy.released >= 1
    assert len(log.splitlines()) < 25, "nothing once a second"


def test_a_change_of_the_correction_by_us_is_no_strangers() -> None:
    """P18: what we set is expected; what it is changed to by others is a line in the log, and no rival with a name."""
    from gpstime.drivers.adjtimex import Steering

    freq = [0.0]
    watch = SteeringWatch(lambda: Steering(freq[0], 10_000, 0, 16_000_000, False, 37, 0), lambda: ())
    watch.look(RawNs(1))
    freq[0] = -1500.0
    watch.expect(-1500.0)
    assert watch.look(RawNs(2)) == []
    freq[0] = -9500.0
    (note,) = watch.look(RawNs(3))
    assert "by a program that is not known" in note.text  # type: ignore[union-attr]
    assert watch.by == ""


def test_a_mode_change_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    from gpstime.app.discipline_words import say, worrying

    lost = ModeChange(RawNs(1), Mode.TRACKING, Mode.HOLDOVER, "no pulse comes")
    assert say(lost) == "tracking -> holdover: no pulse comes"
    assert worrying(lost)
    assert not worrying(replace(lost, new=Mode.TRACKING))


def test_a_run_that_was_steered_is_found_again_from_its_record(tmp_path: Path) -> None:
    """What was done to the clock is in the record; a replay steers nothing and finds the same, value for value."""
    board = SimWorld(Scenario(seed=6, duration_s=300, system_offset_s=1.7, faults=("system-step:at=150,step=-2",)))
    engine = Engine(BUILT_IN.table, lower_bound(board.head), discipline=Policy())
    capture, steered, again = tmp_path / "c.jsonl", Digest(), Digest()
    lines = [encode_head(**board.head)]

    def note(value: Event | Finding) -> None:
        steered.add(value)
        if not isinstance(value, get_args(Finding)):
            lines.append(encode(value))  # type: ignore[arg-type]

    run(board, engine, [note])
    assert engine.discipline is not None
    assert engine.steps.count == 3
    capture.write_text("\n".join(lines) + "\n")
    recorded = RecordedWorld(str(capture))
    run(recorded, Engine(BUILT_IN.table, recorded.not_before), [again.add])
    assert (again.count, again.crc) == (steered.count, steered.crc)
    assert again.count > 300
