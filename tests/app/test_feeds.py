"""Feeding others, from a simulated board through the engine: what arrives is true, and in doubt nothing arrives."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from doubles import VirtualTime
from test_daemon import Replayed, terminate

from gpstime.app import catalogue, worlds
from gpstime.app.daemon import Fitted, serve
from gpstime.app.feeds import Feeds, doors_of
from gpstime.app.live import LiveTime
from gpstime.app.run import run
from gpstime.app.settings import Config, Record, Service
from gpstime.app.settings import Feeds as Wanted
from gpstime.app.status import ask_status
from gpstime.core.engine import Engine
from gpstime.core.feed import TAKEN, Sample, Taking
from gpstime.core.leap import BUILT_IN
from gpstime.model import Event, Finding, Label, LabelChange, Offset, PpsEdge
from gpstime.report.status import as_text
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import NS, LeapTable, RawNs, UtcTime


@dataclass
class Counter:
    """A door that keeps what it was given; `answers` by the number of the call, else ok."""

    kind: str = "sock"
    to: str = "/run/a"
    got: list[Sample] = field(default_factory=list)
    looked: int = 0
    answer: Callable[[int], Taking] = lambda n: TAKEN
    closed: bool = False

    def offer(self, sample: Sample) -> Taking:
        self.got.append(sample)
        return self.answer(len(self.got) - 1)

    def look(self) -> Taking:
        self.looked += 1
        return self.answer(-1)

    def close(self) -> None:
        self.closed = True


@dataclass
class Fed:
    """A run and what a door got in it. `at`: the raw clock when it did, in seconds of the run."""

    world: SimWorld
    door: Counter
    feeds: Feeds
    said: list[str]
    at: list[float]
    offsets: list[Offset]
    labels: list[LabelChange]
    shown: dict[int, int]


def fed(
    door: Counter | None = None, leap: LeapTable = BUILT_IN.table, look: Callable[[Fed], None] | None = None, **scenario
) -> Fed:
    world = SimWorld(Scenario(**{"seed": 11, "duration_s": 300} | scenario))
    engine, said = Engine(leap), []
    door = door or Counter()
    feeds = Feeds([door], lambda: world.now, said.append)
    feeds.attach(engine, leap)
    result = Fed(world, door, feeds, said, [], [], [], {})

    def note(value: Event | Finding) -> None:
        if isinstance(value, PpsEdge):
            result.shown[value.at] = value.shown
        if isinstance(value, LabelChange):
            result.labels.append(value)
        if isinstance(value, Offset):
            result.offsets.append(value)
            if len(result.at) < len(door.got):
                result.at.append((world.now - world.raw_start) / NS)
            if look is not None:
                look(result)

    run(world, engine, [feeds, note])
    return result


def worst_ns(run: Fed) -> int:
    """How far a sample is from what really was: (true - system) of the pulse with that second."""
    at = {pulse.utc.unix: pulse.at for pulse in run.world.truth.pulses()}
    return max(abs(sample.shown - run.shown[at[sample.true]]) for sample in run.door.got)


def test_every_labelled_pulse_arrives_and_is_what_the_clock_showed() -> None:
    run = fed(system_offset_s=0.25)
    assert len(run.door.got) > 270
    assert len(run.door.got) == sum(offset.second is not None for offset in run.offsets)
    assert worst_ns(run) == 0
    for sample in run.door.got:
        assert sample.true % NS == 0
        assert abs(sample.true_minus_system_s + 0.25) < 0.001, "a clock that is ahead is to be set back"
    [fact] = run.feeds.facts()
    assert (fact["state"], fact["sent"], fact["failed"]) == ("feeding", len(run.door.got), 0)
    assert [line.split(":")[1] for line in run.said] == [" waiting", " feeding"]
    assert run.said[1] == "feed sock: feeding: every labelled pulse goes to /run/a"


def test_nothing_before_the_second_is_known() -> None:
    run = fed()
    first = next(i for i, offset in enumerate(run.offsets) if offset.second is not None)
    assert first >= 8, "a label takes a few seconds"
    assert run.door.got[0].true == run.offsets[first].second.unix  # type: ignore[union-attr]


def test_without_a_fix_nothing_is_fed_although_the_label_goes_on() -> None:
    """F-N25: the receiver says void from 100 s on, its pulses go on for a minute and its own crystal carries them away."""
    run = fed(faults=("lost-fix:at=100s,for=120s,pulse=60s,ppm=5",))
    labelled_without_fix = [o for o in run.offsets if o.second is not None and 105 < (o.at - run.world.raw_start) / NS < 155]
    assert len(labelled_without_fix) > 40, "the control: with the label alone these would have been fed"
    assert not [t for t in run.at if 102 < t < 215]
    assert [t for t in run.at if t > 240], "and again when the fix is back"
    assert any("waiting: the receiver says that it has no fix" in line for line in run.said)


def test_a_receiver_that_falls_silent_vouches_for_nothing() -> None:
    """Its cable is out, the pulse goes on, and the label with it."""
    run = fed(faults=("nmea-silent:at=100s,for=100s",))
    assert sum(o.second is not None and 110 < (o.at - run.world.raw_start) / NS < 195 for o in run.offsets) > 80
    assert not [t for t in run.at if 106 < t < 199]
    assert [t for t in run.at if t > 210]
    assert any("is silent: whether it still has a fix is not known" in line for line in run.said)


def test_a_label_that_is_withdrawn_ends_the_feed_at_once() -> None:
    """Sentences come a whole second later than before (F-N02): they contradict the label, and there is doubt."""
    run = fed(duration_s=400, faults=("late-sentences:at=150s,for=150s,delay=1.0s,jitter=0.02s",))
    withdrawn = [change for change in run.labels if change.withdrawn or change.new is not Label.OK]
    assert withdrawn[0].withdrawn, "the fault did not do what this test is about"
    since_s = (withdrawn[0].at - run.world.raw_start) / NS
    back_s = next(((c.at - run.world.raw_start) / NS for c in run.labels if c.at > withdrawn[0].at and c.new is Label.OK), 400.0)
    assert [t for t in run.at if t < since_s]
    assert not [t for t in run.at if since_s < t < back_s]
    assert worst_ns(run) == 0
    assert run.said[2].startswith("feed sock: waiting: the seconds named so far are in doubt: ")


def test_rogue_pulses_are_not_passed_on() -> None:
    run = fed(faults=("latency-step:at=150s,for=4s,add=0.002s",))
    outliers = [o for o in run.offsets if o.kind.value == "outlier" and o.second is not None]
    assert outliers
    assert len(run.door.got) == sum(o.second is not None for o in run.offsets) - len(outliers)


def test_around_a_leap_second() -> None:
    """31 December 2016: the flag is up for the day, nothing comes within 5 s, and not one sample is a second off."""
    run = fed(duration_s=600, faults=("leap-second:at=300s",))
    assert worst_ns(run) == 0
    midnight = UtcTime.civil(2017, 1, 1).unix
    assert {sample.leap for sample in run.door.got if sample.true < midnight} == {1}
    assert {sample.leap for sample in run.door.got if sample.true >= midnight} == {0}
    assert not [s for s in run.door.got if midnight - 5 * NS <= s.true <= midnight + 5 * NS]
    assert [s for s in run.door.got if s.true > midnight + 200 * NS]


def test_a_door_that_is_shut_opens_and_shuts_again_is_told_each_time_and_never_stops_the_run() -> None:
    absent, refused = Taking("absent", "there is no socket"), Taking("refused", "nobody listens")
    door = Counter(answer=lambda n: absent if n < 20 else refused if 100 <= n < 110 else TAKEN)
    run = fed(door)
    assert [line.split(": ")[1] for line in run.said] == ["absent", "feeding", "refused", "feeding"]
    [fact] = run.feeds.facts()
    assert (fact["sent"], fact["failed"]) == (len(door.got) - 30, 30)
    assert fact["state"] == "feeding"


def test_before_the_first_fix_the_door_is_looked_at() -> None:
    """Who set the socket up wrong hears it before the antenna is up (P13)."""
    door = Counter(answer=lambda n: Taking("forbidden", "user 1000 may not"))
    run = fed(door, duration_s=40, faults=("cold-start:for=40s",))
    assert not door.got
    assert door.looked >= 3
    [fact] = run.feeds.facts()
    assert (fact["state"], fact["why"]) == ("forbidden", "user 1000 may not")
    assert run.said[-1] == "feed sock: forbidden: user 1000 may not"


def test_when_the_pulses_end_so_does_feeding() -> None:
    run = fed(duration_s=60)
    feed = run.feeds.feeds[0]
    assert feed.standing(run.world.now, "x")[0] == "feeding"
    assert feed.standing(RawNs(run.world.now + 6 * NS), "no pulse comes any more") == ("waiting", "no pulse comes any more")


def test_the_status_shows_each_feed() -> None:
    door = Counter(answer=lambda n: Taking("full", "nobody reads") if n == 0 else TAKEN)
    run = fed(door, duration_s=60)
    fact = run.feeds.facts()[0]
    assert json.loads(json.dumps(fact)) == fact
    assert set(fact) == {"kind", "to", "state", "why", "sent", "failed", "last_s_ago", "true_minus_system_s"}
    rest = dict.fromkeys(("status", "why", "label", "tool", "n", "span_s", "last_labelled", "steps"), 0)
    receiver = {"reason": "", "sentences": 1, "delay": {"median_ns": 150_000_000, "spread_ns": 8_000_000, "n": 60}}
    told = as_text(rest | {"running_s": 60, "rejected": {}, "feeds": [fact], "pulse": {"reason": ""}, "receiver": receiver})
    assert f"feed sock     feeding: every labelled pulse goes to /run/a; {fact['sent']} samples sent, 1 could not be" in told
    assert "1 sentences, 150 ms after the pulse, give or take 8 ms" in " ".join(told.split())


# ---- from the configuration ------------------------------------------------------------------------------------------------------


def test_what_the_configuration_asks_for(tmp_path: Path) -> None:
    assert doors_of(Wanted()) == []
    sock, shm = doors_of(Wanted(sock=str(tmp_path / "s"), shm=7, shm_mode="0660", time_t=32))
    assert (sock.kind, sock.to, shm.kind, shm.to) == ("sock", str(tmp_path / "s"), "shm", "unit 7")
    sock.close()


def test_the_service_has_them_and_a_measurement_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`gpstime measure` on the same board with the same file must tell nobody the time."""
    config = replace(
        Config(), feeds=Wanted(sock=str(tmp_path / "s")), record=Record(folder=""), service=Service(socket=str(tmp_path / "status"))
    )
    fitted = catalogue.fit(config, LiveTime(VirtualTime()), clocks=VirtualTime())
    assert fitted.feeds is not None
    assert [feed.door.to for feed in fitted.feeds.feeds] == [str(tmp_path / "s")]
    assert "feeds" in fitted.parts
    assert f"feeds: {tmp_path / 's'}" in fitted.said
    for close in fitted.closing:
        close()

    asked: list[Config] = []

    def fit(config: Config, *args: object, **more: object) -> object:
        asked.append(config)
        raise RuntimeError

    file = tmp_path / "c.toml"
    file.write_text(f'[feeds]\nsock = "{tmp_path}/s"\n')
    monkeypatch.setattr(catalogue, "fit", fit)
    arguments = type("Args", (), {"config": str(file), "source": None, "rtc": None, "rtc_bus": None})()
    with pytest.raises(RuntimeError):
        worlds._live(arguments)
    assert asked[0].feeds == Wanted()


def test_the_service_feeds_a_real_socket_and_tells_of_it(tmp_path: Path) -> None:
    """The whole service on a simulated board: datagrams at a socket, the feed in the status and in the log."""
    time, out, asked = VirtualTime(), io.StringIO(), []
    path = str(tmp_path / "status")

    def over() -> None:
        asked.append(ask_status(path))
        terminate()

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as chronyd:
        chronyd.bind(str(tmp_path / "s"))
        chronyd.setblocking(False)
        got: list[bytes] = []

        def drain(value: object) -> None:
            with contextlib.suppress(BlockingIOError):
                got.append(chronyd.recv(100))

        source = Replayed(time, over, duration_s=120)
        fitted = Fitted([source])
        fitted.feeds = feeds = Feeds(doors_of(Wanted(sock=str(tmp_path / "s"), time_t=64)), time.now, fitted.fed)
        fitted.parts["feeds"] = feeds.facts
        fitted.closing.append(feeds.close)
        fitted.sinks.append(drain)
        config = replace(Config(), service=Service(socket=path))
        assert serve(config, fitted, BUILT_IN.table, LiveTime(time), {}, out) == 0
    [fact] = asked[0]["feeds"]
    assert (fact["state"], fact["sent"], fact["failed"]) == ("feeding", len(got), 0)
    assert fact["sent"] > 90
    for datagram in got:
        seconds, us, true_minus_system_s, *_ = struct.unpack("=qqd4i", datagram)
        second = seconds + us / 1e6 + true_minus_system_s
        assert abs(second - round(second)) < 2e-6, "each is a pulse of a whole true second"
    log = out.getvalue()
    assert "feed sock: feeding: every labelled pulse goes to" in log
    assert asked[0]["receiver"]["delay"]["n"] >= 64
