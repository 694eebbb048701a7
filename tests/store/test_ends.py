"""What the ends of a run's files tell is what reading all of it tells, whatever was cut off or hit."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from recording import LEAP, recorded

from gpstime.app.bring import bring
from gpstime.app.replay import listing
from gpstime.model import Kind, Label, LabelChange, Offset, PpsEdge
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store import ends as ends_module
from gpstime.store.capture import encode, encode_head
from gpstime.store.ends import ends_of, latest, leap_held
from gpstime.store.marks import anchors
from gpstime.store.record import Record
from gpstime.store.runs import RunWorld, runs
from gpstime.store.shelf import segments
from gpstime.times import NS, RawNs, UnixNs, UtcTime

LONG = Scenario(duration_s=3600, seed=31, tick_s=20)
START = UtcTime.civil(2026, 3, 1, 12)


@pytest.fixture
def small(monkeypatch):
    """Files and pieces so small that a run of an hour is a long one."""
    monkeypatch.setattr("gpstime.store.writer.SEGMENT", 20_000)
    monkeypatch.setattr(ends_module, "PIECE", 9_000)
    monkeypatch.setattr("gpstime.app.replay.SHORT", 0)


def edges(n: int, start: int = 0) -> list[PpsEdge]:
    return [PpsEdge(RawNs(k * NS), UnixNs(k * NS), seq=k) for k in range(start, start + n)]


def test_a_list_by_the_ends_is_the_list_by_every_batch(tmp_path, small):
    recorded(tmp_path, LONG, ring_bytes=1 << 24)
    recorded(tmp_path, replace(LONG, duration_s=900))
    quick, slow = (listing(runs(tmp_path), LEAP, verify=verify) for verify in (False, True))
    assert [listed.whole for listed in quick + slow] == [False, False, True, True]
    for a, b in zip(quick, slow, strict=True):
        for one, other in ((a.first, b.first), (a.last, b.last)):
            assert one is not None
            assert other is not None
            assert abs(one.utc.unix - other.utc.unix) <= one.err_ns + other.err_ns
            assert one.err_ns < 1_100_000 or one.how == "before"  # with few seconds seen their noise is not
        same = {"first": None, "last": None, "whole": None}
        assert replace(a, **same) == replace(b, **same)
        assert not a.damage
    assert [listed.has_bytes for listed in quick] == [True, False]


def test_what_lies_between_the_ends_is_not_read(tmp_path, small):
    recorded(tmp_path, LONG)
    found = runs(tmp_path)
    assert len(found[0].kept) > 4
    before = listing(found, LEAP)
    for segment in found[0].kept[1:-1]:
        segment.path.write_bytes(bytes(segment.size))
    assert listing(runs(tmp_path), LEAP) == before
    (slow,) = listing(runs(tmp_path), LEAP, verify=True)
    assert slow.damage["torn-tail"] == len(found[0].kept) - 2
    assert slow.damage["batch-lost"] == before[0].batches - slow.batches
    assert slow.batches < before[0].batches


def test_cut_at_any_byte(tmp_path):
    """kill -9 and power cuts: the last whole batch is the last, and a torn end is said."""
    record = Record(tmp_path, {"boot": "a"}, commit_s=70)
    for event in edges(200):
        record(event)
    record.close()
    path = segments(tmp_path)[0].path
    data = path.read_bytes()
    torn = 0
    for length in range(len(data), -1, -1):
        path.write_bytes(data[:length])
        (run,) = runs(tmp_path)
        ends = ends_of(run)
        assert ends.marks == run.marks
        assert ends.batches == len(run.marks)
        assert ends.damage == run.damage, length
        assert ends.head == run.head
        torn += ends.damage["torn-tail"]
        if run.marks:
            assert ends.first == 0
    assert torn == len(data) - 4  # each length but those at which a batch ends: nothing, the head, three batches


def test_hit_anywhere(tmp_path, small):
    recorded(tmp_path, replace(LONG, duration_s=1200), ring_bytes=1 << 24)
    rng = random.Random(32)
    for _ in range(60):
        (run,) = runs(tmp_path)
        segment = rng.choice(run.kept)
        data = segment.path.read_bytes()
        hurt = bytearray(data)
        at = rng.randrange(len(data))
        hurt[at : at + rng.choice((1, 1, 1, 3000))] = b"\xff"
        segment.path.write_bytes(hurt)
        (run,) = runs(tmp_path)
        ends = ends_of(run)
        assert ends.marks[0] == run.marks[0]
        assert ends.marks[-1] == run.marks[-1]
        assert set(anchors(ends.marks)) <= set(anchors(run.marks))
        first = next(iter(RunWorld(run, "epochs").events()))
        assert ends.first == first.at
        assert ends.head == run.head
        segment.path.write_bytes(data)


def test_nothing_whole_is_there(tmp_path):
    for data in (b"", b"\0" * 100_000, b"\xfd7zXZ\x00" * 2000):
        (tmp_path / "run-000001-0001.jsonl.xz").write_bytes(data)
        (tmp_path / "run-000001-0001.bytes.jsonl.xz").write_bytes(data)
        (listed,) = listing(runs(tmp_path), LEAP)
        assert (listed.first, listed.last, listed.batches, listed.has_bytes) == (None, None, 0, False)
        ends = ends_of(runs(tmp_path)[0])
        assert ends.damage["torn-tail"] == (data != b"")
        assert ends.damage == listed.damage
    assert latest(tmp_path) is None


def labelled(record: Record, first: int, n: int, hours_off: int = 0, *, withdrawn: bool = False) -> None:
    """Pulses with seconds; `withdrawn` says at their beginning that all seconds so far are in doubt."""
    if withdrawn:
        record(LabelChange(RawNs(first * NS), Label.OK, Label.NONE, "", True))
    for k in range(first, first + n):
        record(PpsEdge(RawNs(k * NS), UnixNs(k * NS), seq=k))
        second = UtcTime.from_unix(START.unix + (k + 3600 * hours_off) * NS)
        record(Offset(RawNs(k * NS), k, second, LEAP.tai(second), 0, 0.0, Kind.OK, "pps", 0))


def test_whether_the_last_run_left_the_leap_second_count_unverified(tmp_path):
    assert not leap_held(tmp_path)
    assert not leap_held(tmp_path / "none")
    record = Record(tmp_path, {})
    record.leap_held = lambda: True
    labelled(record, 0, 30)
    record.close()
    assert leap_held(tmp_path)
    record = Record(tmp_path, {})
    record.leap_held = lambda: True
    labelled(record, 0, 30)
    record.leap_held = lambda: False
    labelled(record, 30, 3)
    record.close()
    assert not leap_held(tmp_path)
    Record(tmp_path, {"leap_held": True}).close()  # it never came to a batch
    record = Record(tmp_path, {})
    record.leap_held = lambda: True
    labelled(record, 0, 30)
    record.close()
    assert leap_held(tmp_path)


def test_seconds_that_were_taken_back_place_nothing(tmp_path, small, monkeypatch):
    """Wrong by an hour for the first part of a long run. The twin: without the count in the marks the wrong ones would stand."""
    monkeypatch.setattr("gpstime.store.writer.SEGMENT", 3000)
    monkeypatch.setattr(ends_module, "PIECE", 1500)
    record = Record(tmp_path, {})
    labelled(record, 0, 1500, hours_off=1)
    labelled(record, 1500, 1500, withdrawn=True)
    record.close()
    (run,) = runs(tmp_path)
    assert len(run.kept) > 5
    ends = ends_of(run)
    assert ends.marks[0].anchor is not None
    assert {utc.unix - at for at, utc in anchors(ends.marks)} == {START.unix}
    assert {utc.unix - at for at, utc in anchors([replace(mark, withdrawals=0) for mark in ends.marks])} != {START.unix}
    (listed,) = listing([run], LEAP)
    assert listed.first is not None
    assert abs(listed.first.utc.unix - START.unix) <= listed.first.err_ns < NS // 10


def test_the_lower_bound_is_not_one_that_was_taken_back(tmp_path, monkeypatch):
    monkeypatch.setattr("gpstime.store.writer.SEGMENT", 3000)
    record = Record(tmp_path, {})
    labelled(record, 0, 1000)
    record.close()
    right = latest(tmp_path)
    assert right == UtcTime.from_unix(START.unix + 999 * NS)
    record = Record(tmp_path, {})
    labelled(record, 0, 1000, hours_off=9000)
    record(LabelChange(RawNs(1000 * NS), Label.OK, Label.NONE, "", True))
    for event in edges(200, 1000):
        record(event)
    record.close()
    assert latest(tmp_path) == right


def test_an_imported_capture_says_nothing_about_the_time_of_this_board(tmp_path):
    recorded(tmp_path / "own", Scenario(duration_s=100, seed=33, start=UtcTime.civil(2026, 5, 1)))
    right = latest(tmp_path / "own")
    assert right == UtcTime.civil(2026, 5, 1, 0, 1, 39)
    future = SimWorld(Scenario(duration_s=100, seed=34, start=UtcTime.civil(2031, 5, 1)))
    (tmp_path / "night.jsonl").write_text("\n".join([encode_head(**future.head), *map(encode, future.events())]))
    bring(str(tmp_path / "night.jsonl"), str(tmp_path / "own"), LEAP, 0)
    assert anchors(runs(tmp_path / "own")[-1].marks)[-1][1] == UtcTime.civil(2031, 5, 1, 0, 1, 39)
    assert latest(tmp_path / "own") == right
    recorded(tmp_path / "own", Scenario(duration_s=100, seed=34, start=UtcTime.civil(2031, 5, 1)))  # the control: its own run does
    assert latest(tmp_path / "own") == UtcTime.civil(2031, 5, 1, 0, 1, 39)
