"""The live world: threads, one queue, a clean stop; and the same sources in turns on a virtual clock."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from doubles import START, VirtualTime

from gpstime.app import live
from gpstime.app.live import LiveTime, LiveWorld, Turns
from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.model import Event, Note, PpsEdge, SerialBytes, Slew
from gpstime.times import NS, RawNs, UnixNs


class Given:
    """A source that gives what a test puts into it, and blocks in between like a driver does."""

    def __init__(self, name: str = "given") -> None:
        self.name = name
        self.closed = 0
        self._there = threading.Semaphore(0)
        self._what: list[object] = []

    def put(self, what: object) -> None:
        self._what.append(what)
        self._there.release()

    def poll(self, timeout_s: float) -> list[Event]:
        if not self._there.acquire(timeout=timeout_s):
            return []
        what = self._what.pop(0)
        if isinstance(what, BaseException):
            raise what
        return [what]  # type: ignore[list-item]

    def close(self) -> None:
        self.closed += 1


def note(k: int) -> Note:
    return Note(RawNs(START + k), str(k))


def world(*sources: Given, **more) -> LiveWorld:
    return LiveWorld(sources, LiveTime(VirtualTime()), poll_s=0.05, **more)


def test_events_come_in_order_of_arrival_from_all_sources() -> None:
    a, b = Given("a"), Given("b")
    live_world = world(a, b)
    events = live_world.events()
    for k in range(20):
        (a, b)[k % 2].put(note(k))
        assert next(events) == note(k)
    live_world.stop()
    assert list(events) == []
    live_world.close()
    live_world.close()
    assert a.closed == b.closed == 1
    assert not any(thread.name in ("a", "b") for thread in threading.enumerate())


def test_what_was_queued_before_the_stop_still_comes() -> None:
    a = Given()
    live_world = world(a)
    events = live_world.events()
    a.put(note(0))
    next(events)
    live_world.ask(lambda: live_world._put([note(1)]) or live_world.stop())
    assert list(events) == [note(1)]
    live_world.close()


def test_bytes_wait_for_the_next_pulse_while_pulses_come() -> None:
    """In order, in one waking with it; where no pulse came of late, they wake the thinking thread themselves."""
    a = Given()
    live_world = world(a)

    def edge(s: float) -> PpsEdge:
        return PpsEdge(RawNs(round(s * NS)), UnixNs(0))

    def chunk(s: float) -> SerialBytes:
        return SerialBytes(RawNs(round(s * NS)), b"x")

    woken: list[bool] = []
    before: list[Event] = [chunk(99.9), edge(100), chunk(100.1), chunk(100.8), edge(101), chunk(100.9), chunk(102.1), chunk(102.3)]
    for event in before:
        woken.append(live_world._urgent([event]))
    assert woken == [True, True, False, False, True, False, False, True]
    assert live_world._urgent([chunk(102.0), note(0)])

    given = [edge(200), chunk(200.1), chunk(200.2), edge(201)]
    events = live_world.events()
    for event in given:
        a.put(event)
    assert [next(events) for _ in given] == given
    live_world.stop()
    assert list(events) == []
    live_world.close()


@pytest.mark.parametrize("idle_s", [None, 60.0])
def test_without_anything_urgent_they_are_looked_at_all_the_same(monkeypatch: pytest.MonkeyPatch, idle_s: float | None) -> None:
    """Also where the watchdog is patient: a signal that comes just before the wait must not wait for it either."""
    monkeypatch.setattr(live, "LOOK_S", 0.01)
    a, lives = Given(), []
    live_world = world(a, idle=lambda: lives.append(1), idle_s=idle_s)
    monkeypatch.setattr(live_world, "_urgent", lambda events: False)
    events = live_world.events()
    a.put(note(0))
    assert next(events) == note(0)
    live_world.close()
    assert lives


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(number: int) -> None:
    a = Given()
    live_world = world(a)
    before = signal.signal(number, lambda *_: live_world.stop())
    try:
        seen: list[object] = []

        def sink(value: object) -> None:
            seen.append(value)
            os.kill(os.getpid(), number)

        a.put(note(0))
        run(live_world, Engine(BUILT_IN.table), [sink])
    finally:
        signal.signal(number, before)
        live_world.close()
    assert seen == [note(0)]
    assert a.closed == 1


def test_a_mistake_of_ours_in_a_source_is_not_hidden() -> None:
    a = Given()
    live_world = world(a)
    a.put(AssertionError("ours"))
    with pytest.raises(AssertionError, match="ours"):
        list(live_world.events())
    live_world.close()
    assert a.closed == 1


def test_a_question_is_asked_between_two_events_in_the_thread_that_thinks() -> None:
    a = Given()
    live_world = world(a)
    events = live_world.events()
    a.put(note(0))
    next(events)
    who: list[str] = []
    asker = threading.Thread(target=lambda: live_world.ask(lambda: who.append(threading.current_thread().name)))
    asker.start()
    asker.join()
    a.put(note(1))
    next(events)
    assert who == [threading.current_thread().name]
    live_world.close()


def test_a_sign_of_life_also_when_nothing_happens() -> None:
    lives: list[int] = []
    live_world = world(Given(), idle=lambda: lives.append(1) or (live_world.stop() if len(lives) == 3 else None), idle_s=0.01)
    assert list(live_world.events()) == []
    assert len(lives) >= 3
    live_world.close()


def test_too_slow_a_thinker_loses_bytes_and_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FULL", 4)
    a = Given()
    live_world = world(a)
    events = live_world.events()
    a.put(note(0))
    next(events)
    done = threading.Event()
    for k in range(50):
        a.put(SerialBytes(RawNs(START + k), b"x"))
    a.put(note(99))
    whole = Given.poll

    def poll(self: Given, timeout_s: float) -> list[Event]:
        if not self._what:
            done.set()
        return whole(self, timeout_s)

    a.poll = poll.__get__(a)  # type: ignore[method-assign]
    assert done.wait(10)
    live_world.stop()
    rest = list(events)
    live_world.close()
    kept = sum(isinstance(e, SerialBytes) for e in rest)
    told = [e.text for e in rest if isinstance(e, Note)]
    assert 4 <= kept < 50
    assert "99" in told  # what is no bulk gets through
    assert any(text.startswith(f"{50 - kept} events were dropped") for text in told)


def test_it_asks_nothing_of_the_clock() -> None:
    live_world = world(Given())
    applied = live_world.adjust(Slew(5.0, 60.0))
    assert (applied.freq_ppb, applied.step_ns) == (None, 0)
    assert "nobody" in applied.by
    live_world.close()


def test_sources_in_turns_on_a_virtual_clock() -> None:
    time = VirtualTime()

    class Each:
        name = "each"

        def poll(self, timeout_s: float) -> list[Event]:
            assert timeout_s == 0
            return [Note(RawNs(time.at), "")]

        def close(self) -> None:
            pass

    left = iter(range(5))

    def next_due() -> bool:
        time.move(1)
        return next(left, None) is not None

    turns = Turns([Each()], next_due, time)
    assert [e.at - START for e in turns.events()] == [k * NS for k in range(1, 6)]
    turns.close()
