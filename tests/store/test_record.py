"""The record: value for value what the run found, in batches; and what a disk can do to it is a state with a sentence."""

from __future__ import annotations

import errno
import itertools
import os

import pytest
from recording import LEAP, Values, again, last, own, recorded

from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.errors import CaptureUnreadable, UsageError
from gpstime.model import Heard, Note, PpsEdge, Rejected, SerialBytes, Temperature, Tick
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store import shelf
from gpstime.store.batches import pack
from gpstime.store.capture import encode, encode_head
from gpstime.store.ends import latest
from gpstime.store.record import REJECTS, Record
from gpstime.store.runs import RunWorld, runs
from gpstime.store.shelf import segments
from gpstime.store.trouble import State
from gpstime.times import NS, RawNs, UnixNs, UtcTime

SCENARIOS = {
    "clean": Scenario(duration_s=400, seed=1),
    "cold start": Scenario(duration_s=400, seed=2, personality="mtk3339", faults=("cold-start",)),
    "damage": Scenario(duration_s=300, seed=3, faults=("bit-errors", "truncated", "duplicate-pulse:rate=0.1", "rogue-pulse")),
    "step": Scenario(duration_s=400, seed=4, faults=("system-step:at=200s,step=18s",)),
    "unplugged": Scenario(duration_s=400, seed=5, faults=("unplug:at=150s,for=20s",), temperature_s=30),
    "no fix for a while": Scenario(duration_s=400, seed=7, faults=("lost-fix:at=200s,for=60s",)),
    "steered": Scenario(duration_s=400, seed=8, both_edges=True, faults=("chrony-slews", "missing-pulse")),
    "leap second": Scenario(duration_s=400, seed=6, faults=("leap-second:at=200s",)),
}


@pytest.mark.parametrize("read", ["epochs", "bytes"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_replay_finds_value_for_value_what_the_run_found(tmp_path, name, read):
    values, _ = recorded(tmp_path, SCENARIOS[name], ring_bytes=1 << 24)
    run_ = last(tmp_path)
    replayed = again(run_, read)
    assert values.findings
    assert replayed.findings == values.findings
    assert own(replayed.events) == own(values.events)
    if read == "bytes":
        assert replayed.events == values.events
    else:
        assert not any(isinstance(event, SerialBytes) for event in replayed.events)
    assert not run_.damage


def test_what_the_ring_has_forgotten_is_not_needed(tmp_path):
    values, record = recorded(tmp_path, SCENARIOS["damage"], ring_bytes=40_000)
    assert 0 < record.facts["ring_bytes"] <= 40_000 + 25_000  # the segment that is being written is not forgotten
    run_ = last(tmp_path)
    assert not run_.has_bytes()
    assert again(run_, "auto").findings == values.findings
    assert not RunWorld(run_, "auto").from_bytes
    with pytest.raises(UsageError, match="forgotten"):
        RunWorld(run_, "bytes")
    end = RawNs(run_.marks[-2].at + 1)  # the end of the run is still there
    cut = RunWorld(run_, "auto", since=end)
    assert cut.from_bytes
    assert [e for e in cut.events() if isinstance(e, SerialBytes)] == [
        e for e in values.events if isinstance(e, SerialBytes) and e.at >= end
    ]


def test_without_a_ring_no_bytes_are_kept(tmp_path):
    values, record = recorded(tmp_path, SCENARIOS["clean"])
    assert record.facts["ring_bytes"] == 0
    assert all(not segment.raw for segment in segments(tmp_path))
    assert again(last(tmp_path), "auto").findings == values.findings


def test_it_is_written_once_a_minute_of_the_events_own_clock(tmp_path):
    world = SimWorld(SCENARIOS["clean"])
    record, engine = Record(tmp_path, world.head), Engine(LEAP)
    written: list[tuple[int, int]] = []
    for event in world.events():
        before = record.facts["written_bytes"]
        record(event)
        for finding in engine.on(event)[0]:
            record(finding)
        if record.facts["written_bytes"] != before:
            written.append((event.at, record.facts["written_bytes"]))
            assert len(last(tmp_path).marks) == len(written)
    gaps = [(b[0] - a[0]) / NS for a, b in itertools.pairwise(written)]
    assert len(written) == 6
    assert all(60 <= gap < 61.5 for gap in gaps)
    record.close()
    record.close()
    assert len(last(tmp_path).marks) == 7


def test_each_start_is_a_run_and_names_never_come_twice(tmp_path):
    for seed in range(3):
        recorded(tmp_path, Scenario(duration_s=5, seed=seed))
    assert [run_.number for run_ in runs(tmp_path)] == [1, 2, 3]
    for segment in segments(tmp_path)[:-1]:
        segment.path.unlink()
    recorded(tmp_path, Scenario(duration_s=5))
    assert [run_.number for run_ in runs(tmp_path)] == [3, 4]


def test_long_runs_have_several_segments(tmp_path, monkeypatch):
    monkeypatch.setattr("gpstime.store.writer.SEGMENT", 4000)
    values, _ = recorded(tmp_path, SCENARIOS["clean"], ring_bytes=1 << 20)
    assert len([s for s in segments(tmp_path) if not s.raw]) > 3
    assert again(last(tmp_path), "bytes").findings == values.findings
    assert latest(tmp_path) is not None


# ---- trouble -------------------------------------------------------------------------------------------------------------------


def edges(n: int, start: int = 0) -> list[PpsEdge]:
    return [PpsEdge(RawNs(k * NS), UnixNs(k * NS), seq=k) for k in range(start, start + n)]


class Disk:
    """`os.write` that fails when told to, after some bytes of the batch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: int | None = None
        self.partial = 0
        self._write = os.write
        monkeypatch.setattr(shelf.os, "write", self.write)

    def write(self, fd: int, data: bytes) -> int:
        if self.error is None or data == b"":
            return self._write(fd, data)
        if self.partial:
            done, self.partial = self._write(fd, data[: self.partial]), 0
            return done
        raise OSError(self.error, os.strerror(self.error))


@pytest.mark.parametrize(
    ("error", "state", "word"),
    [
        (errno.ENOSPC, State.FULL, "full"),
        (errno.EROFS, State.READ_ONLY, "read-only"),
        (errno.EIO, State.FAILING, "dmesg"),
        (errno.EACCES, State.FORBIDDEN, "record.folder"),
    ],
)
def test_trouble_is_a_state_with_a_sentence_and_nothing_is_lost_by_it(tmp_path, monkeypatch, error, state, word):
    told: list[str] = []
    disk = Disk(monkeypatch)
    record = Record(tmp_path, {}, told=told.append)
    for event in edges(200):
        if event.seq == 100:
            disk.error, disk.partial = error, 50
        record(event)
    assert record.state is state
    assert word in record.why
    assert "measuring goes on" in record.why
    assert "measuring" not in record.trouble
    assert told == [record.why]
    assert record.facts["waiting"] == 2
    disk.error = None
    for event in edges(100, 200):
        record(event)
    assert record.state is State.OK
    assert record.why == ""
    assert len(told) == 2
    assert "again" in told[1]
    record.close()
    run_ = last(tmp_path)
    assert list(RunWorld(run_).events()) == edges(300)
    assert not run_.damage


def test_a_write_that_can_not_be_taken_back_starts_a_new_file(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    record = Record(tmp_path, {})
    monkeypatch.setattr(shelf.os, "ftruncate", lambda fd, size: (_ for _ in ()).throw(OSError(errno.EIO, "no")))
    for event in edges(200):
        disk.error = errno.EIO if 100 <= event.seq < 130 else None
        disk.partial = 300 if event.seq == 100 else disk.partial
        record(event)
    record.close()
    run_ = last(tmp_path)
    assert len(run_.kept) == 2
    assert list(RunWorld(run_).events()) == edges(200)
    assert run_.damage == {"torn-tail": 1}


def test_a_batch_that_a_failed_sync_left_behind_is_not_doubled(tmp_path, monkeypatch):
    """After a failed sync nobody knows what is on the device: it is written again, and read once."""
    record = Record(tmp_path, {})
    sync, fails = os.fdatasync, [False]

    def fdatasync(fd: int) -> None:
        sync(fd)
        if fails[0]:
            raise OSError(errno.EIO, "sync")

    monkeypatch.setattr(shelf.os, "fdatasync", fdatasync)
    monkeypatch.setattr(shelf.os, "ftruncate", lambda fd, size: None)
    for event in edges(200):
        fails[0] = 100 <= event.seq < 130
        record(event)
    record.close()
    run_ = last(tmp_path)
    assert list(RunWorld(run_).events()) == edges(200)
    assert run_.damage["batch-twice"] == 1


def test_a_disk_that_takes_nothing_for_too_long_costs_the_oldest_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("gpstime.store.writer.BACKLOG", 4000)
    disk = Disk(monkeypatch)
    record = Record(tmp_path, {})
    for event in edges(3000):
        disk.error = errno.ENOSPC if 100 <= event.seq < 2500 else None
        record(event)
        assert record.facts["waiting"] < 20
    record.close()
    run_ = last(tmp_path)
    found = list(RunWorld(run_).events())
    assert record.facts["dropped"] > 20
    assert run_.damage == {"batch-lost": record.facts["dropped"]}
    seqs = [event.seq for event in found]
    assert seqs == sorted(set(seqs))
    assert seqs[-1] == 2999


def test_raw_bytes_go_before_the_disk_is_full(tmp_path, monkeypatch):
    recorded(tmp_path, SCENARIOS["clean"], ring_bytes=1 << 16)
    assert any(segment.raw for segment in segments(tmp_path))
    told: list[str] = []
    record = Record(tmp_path, {}, keep_free=1 << 60, told=told.append)
    assert not any(segment.raw for segment in segments(tmp_path))
    assert record.state is State.FULL
    assert "free" in told[0]


def test_of_a_small_disk_a_tenth_is_left_to_others(tmp_path, monkeypatch):
    """A disk of 20 MB can't keep 32 MB free, and would never take anything."""
    real = os.statvfs(tmp_path)
    for free, state in ((3 << 20, State.OK), (1 << 20, State.FULL)):
        shown = os.statvfs_result((4096, 4096, (20 << 20) // 4096, free // 4096, free // 4096, *tuple(real)[5:]))
        monkeypatch.setattr(os, "statvfs", lambda folder, shown=shown: shown)
        record = Record(tmp_path, {})
        assert record.state is state
        record.close()


def test_a_folder_that_can_not_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    record = Record(tmp_path / "file" / "record", {})
    assert record.state is State.FAILING
    for event in edges(200):
        record(event)
    assert record.facts["run"] is None
    (tmp_path / "file").unlink()
    record.close()
    assert list(RunWorld(last(tmp_path / "file" / "record")).events()) == edges(200)


def test_a_second_writer_is_told_who_the_first_is(tmp_path):
    first = Record(tmp_path, {})
    second = Record(tmp_path, {})
    assert second.state is State.BUSY
    assert str(os.getpid()) in second.why
    first.close()
    second(edges(1)[0])
    second.close()
    assert second.state is State.OK
    assert [run_.number for run_ in runs(tmp_path)] == [1, 2]


def test_a_torn_end_is_said_at_the_next_start_and_costs_its_batch(tmp_path):
    values, _ = recorded(tmp_path, SCENARIOS["clean"])
    path = segments(tmp_path)[0].path
    path.write_bytes(path.read_bytes()[:-100])
    told: list[str] = []
    record = Record(tmp_path, {}, told=told.append)
    assert record.state is State.OK
    assert len(told) == 1
    assert "middle of a batch" in told[0]
    record.close()
    run_ = runs(tmp_path)[0]
    found = own(RunWorld(run_).events())
    assert found == own(values.events)[: len(found)]
    assert run_.damage == {"torn-tail": 1}
    lost = (values.events[-1].at - run_.marks[-1].at) / NS
    assert lost < 61.5


@pytest.mark.parametrize("hurt", [b"", b"\0" * 3000, pack([encode_head()]), pack(['{"k":"mark","t":1,"batch":7}'])])
def test_a_hurt_file_does_not_stop_the_next_run(tmp_path, hurt):
    (tmp_path / "run-000005-0001.jsonl.xz").write_bytes(hurt)
    (tmp_path / "run-000006-0001.bytes.jsonl.xz").write_bytes(b"")
    (tmp_path / "else").write_text("not ours")
    values, _ = recorded(tmp_path, Scenario(duration_s=120, seed=9))
    assert last(tmp_path).number == 7
    assert again(last(tmp_path), "auto").findings == values.findings
    for run_ in runs(tmp_path):
        list(RunWorld(run_, "epochs").events())


def test_no_record_at_all(tmp_path):
    with pytest.raises(CaptureUnreadable, match="can't read the record"):
        runs(tmp_path / "none")
    assert runs(tmp_path) == []
    assert latest(tmp_path / "none") is None
    assert latest(tmp_path) is None


def test_a_storm_of_rejected_sentences_is_bounded_and_counted(tmp_path):
    record = Record(tmp_path, {})
    for k in range(20_000):
        record(Tick(RawNs(k * 10**6), UnixNs(k)))
        record(Rejected(RawNs(k * 10**6), "nmea", "noise", b"x" * 128))
    record(Rejected(RawNs(k * 10**6), "nmea", "no-date", b"$GPRMC"))
    record(Temperature(RawNs(k * 10**6), "cpu", float("nan")))
    record.close()
    run_ = last(tmp_path)
    heard = [event for event in RunWorld(run_).events() if isinstance(event, Heard)]
    assert len(heard) <= REJECTS * len(run_.marks) + 1
    assert heard[-1].found.reason == "no-date"
    assert run_.marks[-1].unkept == 20_000 + 2 - len(heard)


def test_memory_stays_bounded_while_the_raw_clock_stands_still(tmp_path):
    record = Record(tmp_path, {})
    for _ in range(5000):
        record(Note(RawNs(0), "x" * 1000))
        assert record._size < 1.2 * (1 << 20)
    record.close()
    assert len(list(RunWorld(last(tmp_path)).events())) == 5000


def test_what_is_heard_is_kept_once_when_a_replay_is_recorded(tmp_path):
    recorded(tmp_path / "a", SCENARIOS["clean"])
    world = RunWorld(last(tmp_path / "a"))
    record, seen = Record(tmp_path / "b", world.head), Values()
    run(world, Engine(LEAP, world.not_before), [record, seen])
    record.close()
    assert [encode(e) for e in RunWorld(last(tmp_path / "b")).events()] == [
        encode(e) for e in RunWorld(last(tmp_path / "a")).events()
    ]


def test_latest_is_the_last_second_that_is_sure(tmp_path):
    recorded(tmp_path, Scenario(duration_s=150, seed=1, start=UtcTime.civil(2026, 5, 1)))
    assert latest(tmp_path) == UtcTime.civil(2026, 5, 1, 0, 2, 29)
    recorded(tmp_path, Scenario(duration_s=5, seed=1, start=UtcTime.civil(2026, 6, 1)))  # too short for a label
    assert latest(tmp_path) == UtcTime.civil(2026, 5, 1, 0, 2, 29)


def test_a_record_of_somebody_else_names_the_remedy(tmp_path, monkeypatch):
    def scandir(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(CaptureUnreadable, match="usermod -aG gpstime"):
        runs(tmp_path)
    assert latest(tmp_path) is None
