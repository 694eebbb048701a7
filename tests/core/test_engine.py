"""The Engine as a whole, on simulated boards: the truth in the interval, findings in order, pulses that nobody vouches for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gpstime.app.run import run
from gpstime.core import leap
from gpstime.core.engine import Engine
from gpstime.errors import UsageError
from gpstime.model import (
    Adjustment,
    Applied,
    ClockStep,
    Drift,
    Epoch,
    Event,
    Finding,
    Kind,
    Label,
    LabelChange,
    Note,
    Offset,
    PpsEdge,
    Rejected,
    SerialBytes,
    Slew,
)
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import NS, RawNs

TABLE = leap.BUILT_IN.table


class Events:
    """A world made of a list."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self.adjusted: list[Adjustment] = []

    def events(self) -> Iterator[Event]:
        return iter(self._events)

    def adjust(self, adjustment: Adjustment) -> Applied:
        self.adjusted.append(adjustment)
        return Applied(RawNs(0), freq_ppb=1.0)

    def close(self) -> None:
        pass


def through(events: list[Event]) -> tuple[Engine, list[Event | Finding]]:
    engine = Engine(TABLE)
    seen: list[Event | Finding] = []
    run(Events(events), engine, [seen.append])
    return engine, seen


def board(**options: object) -> tuple[SimWorld, list[Event]]:
    world = SimWorld(Scenario(**options))  # type: ignore[arg-type]
    return world, list(world.events())


@pytest.mark.parametrize("personality", ["ublox-m8", "mtk3339", "l76"])
def test_the_truth_is_in_the_interval_and_every_second_is_right(personality: str) -> None:
    world, events = board(seed=11, duration_s=900, personality=personality)
    engine, seen = through(events)
    drift = engine.drift.estimate(events[-1].at)
    assert drift is not None
    assert drift.freq_lo_ppb <= world.truth.current_ppb() <= drift.freq_hi_ppb
    assert drift.mean_lo_ppb <= world.truth.mean_ppb() <= drift.mean_hi_ppb
    assert engine.pairing.label is Label.OK
    labelled = [o for o in seen if isinstance(o, Offset) and o.second is not None]
    assert len(labelled) > 850
    for o in labelled:
        truth = world.truth.find(o.at)
        assert truth is not None
        assert o.second == truth.utc
        assert o.tai == truth.tai


def test_every_event_is_shown_before_what_follows_from_it() -> None:
    _, events = board(seed=1, duration_s=200)
    _, seen = through(events)
    kinds = Counter(type(v) for v in seen)
    assert kinds[PpsEdge] == kinds[Offset] == sum(isinstance(e, PpsEdge) for e in events)
    assert kinds[Epoch] > 0
    assert kinds[LabelChange] == 1
    assert kinds[Drift] == 200 // 64
    assert [v for v in seen if isinstance(v, PpsEdge | SerialBytes)] == [e for e in events if isinstance(e, PpsEdge | SerialBytes)]


def test_the_same_events_give_the_same_findings() -> None:
    _, events = board(seed=5, duration_s=300)
    assert through(events)[1] == through(events)[1]


def test_what_the_engine_does_not_know_it_lets_pass() -> None:
    engine = Engine(TABLE)
    assert engine.on(Note(RawNs(1), "hello")) == ([], ())


def test_an_unknown_noise_model_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'pink'.*'auto' or 'white'"):
        Engine(TABLE, noise="pink")


def test_an_adjustment_is_carried_out_and_what_happened_is_heard() -> None:
    heard: list[Event] = []

    class Asking:
        def on(self, event: Event) -> tuple[list[Finding], tuple[Adjustment, ...]]:
            heard.append(event)
            return [], (Slew(2.0, 1.0),) if isinstance(event, Note) else ()

    world = Events([Note(RawNs(1), "now")])
    shown: list[Event | Finding] = []
    run(world, Asking(), [shown.append])
    assert world.adjusted == [Slew(2.0, 1.0)]
    assert [type(v) for v in heard] == [Note, Applied]
    assert [type(v) for v in shown] == [Note, Applied]


# ---- pulses that nobody vouches for -------------------------------------------------------------------------------------------


def rmc(second: int, status: str) -> bytes:
    """Status A or V; E is V of a receiver that knows neither time nor date."""
    mode = "A" if status == "A" else "N"
    clock = f"{second // 3600:02}{second // 60 % 60:02}{second % 60:02}.00"
    body = f"GPRMC,{clock},{status},4700.0,N,00800.0,E,0.0,,010326,,,{mode}" if status != "E" else "GPRMC,,V,,,,,,,,,,N"
    check = 0
    for c in body.encode():
        check ^= c
    return f"${body}*{check:02X}\r\n".encode()


def receiver(status: str, ppb_without_fix: float = 3000.0, ppb: float = 500.0) -> list[Event]:
    """One letter a second: A with a fix, V without; a pulse without a fix is `ppb_without_fix` off, one with it `ppb`."""
    events: list[Event] = []
    x, rng = 0.0, random.Random(len(status))
    for k, letter in enumerate(status):
        at = RawNs(k * NS + round(x + rng.gauss(0, 200)))
        events.append(PpsEdge(at, at))  # type: ignore[arg-type]
        events.append(SerialBytes(RawNs(at + 150_000_000), rmc(k, letter)))
        x += ppb if letter == "A" else ppb_without_fix
    return events


@pytest.mark.parametrize("before", ["V", "E"])
def test_pulses_before_the_first_fix_are_dropped_when_it_comes(before: str) -> None:
    engine, _ = through(receiver(before * 120 + "A" * 300))
    drift = engine.drift.estimate(RawNs(0))
    assert drift is not None
    assert drift.mean_lo_ppb <= 500 <= drift.mean_hi_ppb
    assert drift.mean_hi_ppb < 600
    assert 118 <= engine.rejected["pulse-before-fix"] <= 121
    assert engine.vouched is True


def test_pulses_after_the_fix_is_lost_do_not_count() -> None:
    engine, seen = through(receiver("A" * 300 + "V" * 120))
    drift = engine.drift.estimate(RawNs(0))
    assert drift is not None
    assert drift.freq_lo_ppb <= 500 <= drift.freq_hi_ppb
    assert 118 <= engine.rejected["pulse-without-fix"] <= 120
    assert sum(isinstance(v, Rejected) and v.reason == "pulse-without-fix" for v in seen) == engine.rejected["pulse-without-fix"]
    assert sum(isinstance(v, Offset) and v.kind is Kind.OUTLIER for v in seen) >= 118


def test_without_any_fix_the_pulses_are_measured_and_nobody_vouches_for_them() -> None:
    engine, _ = through(receiver("V" * 300))
    drift = engine.drift.estimate(RawNs(0))
    assert drift is not None
    assert drift.freq_lo_ppb <= 3000 <= drift.freq_hi_ppb
    assert engine.vouched is False
    assert engine.pairing.label is Label.NONE


def test_without_sentences_nothing_is_said_of_a_fix() -> None:
    engine, _ = through([e for e in receiver("A" * 200) if isinstance(e, PpsEdge)])
    assert engine.drift.estimate(RawNs(0)) is not None
    assert engine.vouched is None
    assert not engine.rejected


# ---- the train starts again ----------------------------------------------------------------------------------------------------


def test_after_a_jump_of_the_raw_clock_the_run_before_answers_until_the_new_one_can() -> None:
    before = [e for e in receiver("A" * 200) if isinstance(e, PpsEdge)]
    after = [replace(e, at=RawNs(e.at - 10**15)) for e in before]
    engine, _ = through([*before, *after[:6]])
    assert engine.train.restarts == 1
    drift = engine.drift.estimate(RawNs(0))
    assert drift is not None
    assert drift.n >= 190
    engine, _ = through([*before, *after])
    assert engine.drift.n == 200


def test_a_step_of_the_system_clock_is_a_finding_and_costs_nothing() -> None:
    events: list[Event] = []
    for e in receiver("A" * 300):
        shown_off = 5 * NS if e.at > 150 * NS else 0
        events.append(replace(e, shown=e.shown + shown_off) if isinstance(e, PpsEdge) else e)  # type: ignore[type-var]
    engine, seen = through(events)
    assert [s.step_ns for s in seen if isinstance(s, ClockStep)] == [pytest.approx(5 * NS, abs=10_000)]
    assert engine.drift.n == 300
    assert engine.pairing.label is Label.OK


@pytest.mark.parametrize("ratio", [0.9, 0.8, 0.75, 0.5])
def test_lost_ticks_that_hide_whole_seconds_are_taken_back_for_good(ratio: float) -> None:
    """A timer at these rates puts every tenth (fifth, ...) pulse on the raster again, seconds late, and the system clock, which
    runs on the same timer, agrees with the old label: no label may come back under which sentences precede their pulse."""
    world, events = board(seed=11, duration_s=400, faults=(f"timer-slow:at=100,for=30,ratio={ratio}",))
    engine, seen = through(events)
    pulses = world.truth.pulses()
    wrong, taken_back = 0, False
    for value in seen:
        taken_back |= isinstance(value, LabelChange) and value.withdrawn
        if isinstance(value, LabelChange) and value.new is Label.OK:
            assert "arrive -" not in value.why
        if isinstance(value, Offset) and value.second is not None:
            true = min(pulses, key=lambda p: abs(p.at - value.at))
            off = true.utc != value.second and abs(true.at - value.at) < NS // 4
            assert not (off and taken_back)
            wrong += off
    assert wrong < 12
    assert taken_back
    assert engine.pairing.label is not Label.NONE
