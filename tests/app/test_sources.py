"""Sources: a device that is late, goes and comes back is a matter of events."""

from __future__ import annotations

from doubles import START, UNIX_APART, Scripted, VirtualTime

from gpstime.app.sources import FIRST_PAUSE_S, LONGEST_PAUSE_S, Joined, PpsSource, Regular, SerialSource, tick_source
from gpstime.errors import DeviceError, DeviceMissing
from gpstime.model import DeviceFound, DeviceLost, Note, PpsEdge, SerialBytes, Tick
from gpstime.ports import EdgeStamp, Together
from gpstime.times import NS, RawNs, UnixNs

CHUNK = SerialBytes(RawNs(START), b"$GPRMC", "/dev/double")


class Doors:
    """What opening gives, one after the other; the last for ever."""

    def __init__(self, *results: object) -> None:
        self.results = list(results)
        self.opened = 0

    def __call__(self):
        self.opened += 1
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        return result


def test_a_receiver_that_is_not_there_yet_is_waited_for() -> None:
    time = VirtualTime()
    away = DeviceMissing("no /dev/double: plug it in")
    source = SerialSource(Scripted([away, away, away, CHUNK]), time)
    assert source.poll(1.0) == [DeviceLost(RawNs(START), "serial", "no /dev/double: plug it in")]
    assert source.poll(1.0) == source.poll(1.0) == []  # the same again is not told again
    assert source.poll(1.0) == [DeviceFound(CHUNK.at, "serial", "/dev/double is back"), CHUNK]


def test_a_receiver_that_goes_away_comes_back_without_a_restart() -> None:
    port = Scripted([CHUNK, DeviceMissing("unplugged"), OSError(5, "Input/output error"), None, CHUNK])
    port.notes = lambda: ["somebody reads it too"] if len(port.script) == 2 else []
    source = SerialSource(port, VirtualTime())
    events = [e for _ in range(5) for e in source.poll(1.0)]
    assert [type(e) for e in events] == [DeviceFound, SerialBytes, DeviceLost, DeviceLost, Note, DeviceFound, SerialBytes]
    assert [e.reason for e in events if isinstance(e, (DeviceFound, DeviceLost))] == [
        "/dev/double is open",
        "unplugged",
        "[Errno 5] Input/output error",
        "/dev/double is back",
    ]


def test_a_pulse_that_is_not_there_is_tried_ever_more_seldom_but_for_ever() -> None:
    time = VirtualTime()
    doors = Doors(DeviceError("busy"))
    source = PpsSource(doors, time, convert, time)
    events = [e for _ in range(3600) for e in source.poll(1.0)]
    assert events == [DeviceLost(RawNs(START), "pps", "busy")]
    assert 3600 / LONGEST_PAUSE_S < doors.opened < 3600 / LONGEST_PAUSE_S + 6
    assert all(pause <= 1.0 for pause in time.slept)


def test_a_pulse_that_goes_away_comes_back_without_a_restart() -> None:
    time = VirtualTime()
    stamp = EdgeStamp("real", START + UNIX_APART, "assert", 1, "kernel")
    first = Scripted([stamp, DeviceMissing("unplugged")], "/dev/pps0")
    source = PpsSource(Doors(first, DeviceMissing("not there"), Scripted([stamp], "/dev/pps1")), time, convert, time)
    events = [e for _ in range(8) for e in source.poll(1.0)]
    assert [type(e) for e in events] == [DeviceFound, PpsEdge, DeviceLost, DeviceLost, DeviceFound, PpsEdge]
    assert (events[2].reason, events[4].reason) == ("unplugged", "/dev/pps1 is back")
    assert first.closed == 1
    assert (time.at - START) / NS == FIRST_PAUSE_S + 2 * FIRST_PAUSE_S


def test_a_pulse_that_is_opened_beforehand_is_said_once() -> None:
    time = VirtualTime()
    source = PpsSource(Doors(Scripted([None, DeviceMissing("gone")], "/dev/pps0"), Scripted([], "/dev/pps1")), time, convert, time)
    source.open()
    events = [e for _ in range(6) for e in source.poll(1.0)]
    assert events == [
        DeviceFound(RawNs(START), "pps", "/dev/pps0 is open"),
        DeviceLost(RawNs(START), "pps", "gone"),
        DeviceFound(RawNs(START + NS), "pps", "/dev/pps1 is back"),
    ]


def convert(stamp: EdgeStamp, before: Together, after: Together) -> PpsEdge | str:
    if stamp.seq == 2:
        return "the clock was stepped while it was taken"
    assert before.raw <= after.raw
    return PpsEdge(RawNs(stamp.stamp - UNIX_APART), UnixNs(stamp.stamp), stamp.edge, stamp.seq, stamp.stamped_by, stamp.native)


def test_edges_come_with_the_clocks_read_before_and_after() -> None:
    time = VirtualTime()
    stamps = [EdgeStamp("real", START + UNIX_APART + k, "assert", k, "kernel") for k in range(1, 5)]
    source = PpsSource(Doors(Scripted(stamps)), time, convert, time)
    events = [e for _ in range(6) for e in source.poll(1.0)]
    assert [e.seq for e in events if isinstance(e, PpsEdge)] == [1, 3, 4]
    assert [e.text for e in events if isinstance(e, Note)] == ["pps: an edge is not used: the clock was stepped while it was taken"]


def test_edges_that_are_never_usable_are_told_now_and_then() -> None:
    time = VirtualTime()
    stamps = [EdgeStamp("real", START, "assert", 2, "kernel")] * 150
    source = PpsSource(Doors(Scripted(stamps)), time, convert, time)
    notes = [e for _ in range(150) for e in source.poll(1.0) if isinstance(e, Note)]
    assert len(notes) == 3


def test_ticks_come_on_their_grid_and_a_sleep_is_not_made_up_for() -> None:
    time = VirtualTime()
    source = tick_source(time, 10.0, time)
    ticks = [e for _ in range(35) for e in source.poll(1.0)]
    assert [(t.at - START) / NS for t in ticks] == [0, 10, 20, 30]
    assert ticks[0] == Tick(RawNs(START), UnixNs(START + UNIX_APART), START, 50)
    time.move(3600)
    late = [e for _ in range(12) for e in source.poll(1.0)]
    assert len(late) == 2
    assert (late[1].at - START) % (10 * NS) == 0


def test_regular_things_share_one_thread() -> None:
    time = VirtualTime()
    other = Regular("board", 60.0, lambda: [Note(RawNs(time.at), "warm")], time)
    joined = Joined([tick_source(time, 10.0, time), other], time)
    events = [e for _ in range(121) for e in joined.poll(1.0)]
    assert sum(isinstance(e, Tick) for e in events) == 13
    assert sum(isinstance(e, Note) for e in events) == 3
    assert joined.name == "tick+board"
