"""Each call of the record to the system fails, or is its last: nothing raised, nothing doubled, no more lost than promised."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpstime.model import Event, PpsEdge, SerialBytes
from gpstime.store.record import Record
from gpstime.store.runs import RunWorld, runs
from gpstime.store.shelf import Appender, segments
from gpstime.store.trouble import State
from gpstime.times import NS, RawNs, UnixNs

COMMIT_S = 10.0
CALLS = ("open", "write", "fdatasync", "fsync", "ftruncate", "unlink", "close", "makedirs", "statvfs", "posix_fadvise", "stat")
REAL = {name: getattr(os, name) for name in CALLS}


class Killed(BaseException):
    """What kill -9 is for the test: nothing of the program runs after it but the kernel."""


class System:
    """Counts the calls of the record; from number `at` on, for `lasting` calls, `what` happens to them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at, self.lasting, self.what, self.count = 0, 1, "", 0
        self.listening = False
        self.fds: set[int] = set()
        for name in CALLS:
            monkeypatch.setattr(os, name, self._call(name))

    def _call(self, name: str):
        def call(*args, **more):
            if not self.listening:
                return REAL[name](*args, **more)
            self.count += 1
            if self.at <= self.count < self.at + self.lasting:
                if self.what == "killed before":
                    raise Killed
                if self.what == "killed half-way" and name == "write":
                    REAL[name](args[0], args[1][: len(args[1]) // 2])
                    raise Killed
                if self.what == "killed after" or self.what == "killed half-way":
                    self._done(name, args, REAL[name](*args, **more))
                    raise Killed
                if self.what != "full" or name in (
                    "write",
                    "fdatasync",
                    "fsync",
                    "open",
                    "makedirs",
                ):  # a full disk lets one close and remove
                    code = errno.ENOSPC if self.what == "full" else errno.EIO
                    if name == "write" and self.count % 2:
                        return REAL[name](args[0], args[1][: max(len(args[1]) // 2, 1)])  # a part of it still went through
                    if name == "close":
                        self._done(name, args, REAL[name](*args))
                    raise OSError(code, os.strerror(code))
            return self._done(name, args, REAL[name](*args, **more))

        return call

    def _done(self, name: str, args, result):
        if name == "open":
            self.fds.add(result)
        elif name == "close":
            self.fds.discard(args[0])
        return result

    def end(self) -> None:
        """What the kernel does for a process that is gone."""
        self.listening = False
        for fd in self.fds:
            REAL["close"](fd)
        self.fds.clear()


@pytest.fixture
def system(monkeypatch):
    monkeypatch.setattr("gpstime.store.writer.SEGMENT", 900)  # a new file every second batch
    return System(monkeypatch)


def given() -> Iterator[Event]:
    for k in range(65):
        yield PpsEdge(RawNs(k * NS), UnixNs(k * NS), seq=k)
        yield SerialBytes(RawNs(k * NS + 10**8), bytes((k * 7 + n * n) % 256 for n in range(60)), "")


def recording(folder: Path, system: System) -> tuple[list[Event], Record | None, bool]:
    """Record all of it; what was given, the record, and whether it was killed on the way."""
    seen: list[Event] = []
    record = None
    system.count, system.listening = 0, True
    try:
        record = Record(folder, {"boot": "a"}, commit_s=COMMIT_S, ring_bytes=3000, keep_free=0)
        for event in given():
            seen.append(event)
            record(event)
        record.close()
    except Killed:
        system.end()
        return seen, record, True
    system.end()
    return seen, record, False


def kept(folder: Path) -> tuple[list[Event], dict[str, int]]:
    """The events of the run; what a first try that failed left behind is empty."""
    *tries, run = runs(folder) or [None]
    assert [event for one in tries for event in RunWorld(one, "epochs").events()] == []
    if run is None:
        return [], {}
    events = list(RunWorld(run, "epochs").events())
    return events, {word: n for word, n in run.damage.items() if n}


ALL = [event for event in given() if not isinstance(event, SerialBytes)]


def calls(tmp_path: Path, system: System) -> int:
    recording(tmp_path / "whole", system)
    assert kept(tmp_path / "whole") == (ALL, {})
    assert any(segment.raw and segment.number > 1 for segment in segments(tmp_path / "whole"))
    assert sum(segment.size for segment in segments(tmp_path / "whole") if segment.raw) <= 3000 + 4096
    assert system.count > 60
    return system.count


@pytest.mark.parametrize("what", ["killed before", "killed half-way", "killed after"])
def test_killed_between_any_two_calls(tmp_path, system, what):
    system.what, total = what, calls(tmp_path, system)
    for n in range(1, total + 1):
        folder = tmp_path / str(n)
        system.at = n
        seen, _, killed = recording(folder, system)
        assert killed
        system.at = 0
        events, damage = kept(folder) if folder.is_dir() else ([], {})
        assert events == ALL[: len(events)], n
        assert damage in ({}, {"torn-tail": 1}), n
        lost_s = (seen[-1].at - (events[-1].at if events else 0)) / NS if seen else 0
        assert lost_s <= COMMIT_S + 1.1, n
        after = Record(folder, {"boot": "a"})  # and the next start finds its way
        assert after.state is State.OK
        after(ALL[0])
        after.close()
        assert list(RunWorld(runs(folder)[-1]).events()) == ALL[:1]
        if killed and events:
            assert list(RunWorld(runs(folder)[0], "epochs").events()) == events


class Durable(System):
    """A system that knows what of its files a power cut would leave: what was synced, in names that were synced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch)
        self.paths: dict[int, Path] = {}
        self.synced: dict[Path, bytes] = {}
        self.named: set[Path] = set()

    def _done(self, name: str, args, result):
        super()._done(name, args, result)
        if name == "open":
            self.paths[result] = Path(args[0])
        elif name == "fdatasync":
            self.synced[self.paths[args[0]]] = self.paths[args[0]].read_bytes()
        elif name == "fsync" and self.paths[args[0]].is_dir():
            self.named |= set(self.paths[args[0]].iterdir())
        return result

    def cut_power(self, folder: Path) -> None:
        for path in list(folder.iterdir()):
            if path in self.named and path in self.synced:
                path.write_bytes(self.synced[path])
            else:
                path.unlink()


def lost_to_power_cuts(tmp_path: Path, system: Durable) -> float:
    """Seconds that are lost at most, wherever the power is cut."""
    system.what, worst, n = "killed after", 0.0, 0
    while True:
        n += 1
        system.at, folder = n, tmp_path / str(n)
        system.synced.clear()
        system.named.clear()
        seen, _, killed = recording(folder, system)
        if not killed:
            assert n > 60
            return worst
        if folder.is_dir():
            system.cut_power(folder)
            events, damage = kept(folder)
            assert events == ALL[: len(events)]
            assert damage == {}
        worst = max(worst, (seen[-1].at - (events[-1].at if folder.is_dir() and events else 0)) / NS if seen else 0)


def test_the_power_is_cut_after_any_call(tmp_path, monkeypatch):
    """What was synced is all that counts. The twin: without the syncs, or without that of the folder, more is lost."""
    monkeypatch.setattr("gpstime.store.writer.SEGMENT", 900)
    assert lost_to_power_cuts(tmp_path / "synced", Durable(monkeypatch)) <= COMMIT_S + 1.1
    monkeypatch.setattr(Appender, "_sync_folder", lambda self: None)
    assert lost_to_power_cuts(tmp_path / "no folder", Durable(monkeypatch)) > 40
    append = Appender.append
    monkeypatch.setattr(Appender, "append", lambda self, batch, durable: append(self, batch, durable=False))
    assert lost_to_power_cuts(tmp_path / "none", Durable(monkeypatch)) > 40


@pytest.mark.parametrize("lasting", [1, 7])
@pytest.mark.parametrize("what", ["full", "failing"])
def test_any_call_may_fail(tmp_path, system, what, lasting):
    system.what, system.lasting, total = what, lasting, calls(tmp_path, system)
    states = set()
    for n in range(1, total + 1):
        system.at = n
        _, record, killed = recording(tmp_path / str(n), system)
        assert not killed
        assert record is not None
        states.add(record.state)
        system.at = 0
        if record.state is not State.OK:  # it did not end before the run did: what waited then is lost, and said
            continue
        events, damage = kept(tmp_path / str(n))
        assert events == ALL, (n, damage)
        assert set(damage) <= {"torn-tail", "damaged-batch", "batch-twice"}
    assert State.OK in states


def edges(n: int, start: int = 0) -> list[PpsEdge]:
    return [PpsEdge(RawNs(k * NS), UnixNs(k * NS), seq=k) for k in range(start, start + n)]


@pytest.mark.parametrize("how", ["removed", "moved", "files removed"])
def test_a_folder_that_is_taken_away_is_noticed(tmp_path, how):
    """rm -r while it runs, or a disk mounted over the folder: the open files would take everything, unseen."""
    told: list[str] = []
    folder = tmp_path / "record"
    record = Record(folder, {}, told=told.append)
    for event in edges(130):
        record(event)
    if how == "moved":
        folder.rename(tmp_path / "old")
    else:
        for path in list(folder.iterdir()):
            path.unlink()
        if how == "removed":
            folder.rmdir()
    for event in edges(130, 130):
        record(event)
    record.close()
    assert record.state is State.OK
    assert len(told) == 1
    assert "taken away" in told[0]
    (run,) = runs(folder)
    found = list(RunWorld(run).events())
    assert found == edges(260)[-len(found) :]
    assert len(found) > 130
    assert run.damage["batch-lost"] == 2
    if how == "moved":
        assert list(RunWorld(runs(tmp_path / "old")[0]).events()) + found == edges(260)


def test_a_link_to_a_folder_is_a_folder_and_a_dangling_one_is_said(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    record = Record(tmp_path / "link", {})
    for event in edges(70):
        record(event)
    record.close()
    assert list(RunWorld(runs(tmp_path / "disk")[0]).events()) == edges(70)
    (tmp_path / "dangling").symlink_to("not mounted")
    record = Record(tmp_path / "dangling" / "record", {})
    assert record.state is State.FAILING
    assert "in its way" in record.why
    assert "dmesg" not in record.why
    for event in edges(70):
        record(event)
    (tmp_path / "not mounted").mkdir()
    record.close()
    assert list(RunWorld(runs(tmp_path / "not mounted" / "record")[0]).events()) == edges(70)


def test_names_of_ours_that_are_no_files_of_ours(tmp_path):
    (tmp_path / "run-000003-0001.jsonl.xz").mkdir()
    os.mkfifo(tmp_path / "run-000004-0001.jsonl.xz")  # to read it would wait for ever
    (tmp_path / "run-000005-0001.jsonl.xz").symlink_to("nowhere")
    assert segments(tmp_path) == []
    record = Record(tmp_path, {})
    for event in edges(70):
        record(event)
    record.close()
    assert list(RunWorld(runs(tmp_path)[0]).events()) == edges(70)


def test_an_old_file_that_can_not_be_read_stops_no_run(tmp_path, monkeypatch):
    record = Record(tmp_path, {})
    record(edges(1)[0])
    record.close()
    monkeypatch.setattr("gpstime.store.writer.open", lambda *a: (_ for _ in ()).throw(PermissionError(13, "no")), raising=False)
    record = Record(tmp_path, {})
    assert record.state is State.OK
    record.close()


def test_a_ring_that_can_not_be_shortened_is_not_gone_on_with(tmp_path, monkeypatch):
    """Old raw files of another user in a folder with the sticky bit: what is kept for good goes on, the ring does not grow."""

    def unlink(path, **more):
        raise PermissionError(errno.EPERM, "no", str(path))

    def raw_bytes() -> int:
        return sum(segment.size for segment in segments(tmp_path) if segment.raw)

    for k in range(2):
        if k:
            monkeypatch.setattr(os, "unlink", unlink)
        record = Record(tmp_path, {}, commit_s=10, ring_bytes=9000)
        for k in range(400):
            record(PpsEdge(RawNs(k * NS), UnixNs(k * NS), seq=k))
            record(SerialBytes(RawNs(k * NS + 1), bytes((k * k + n) % 251 for n in range(200)), ""))
            assert raw_bytes() <= 9000 + 4096
        assert record.state is State.OK
        record.close()
    assert len(list(RunWorld(runs(tmp_path)[-1], "epochs").events())) == 400


def test_raw_bytes_that_wait_go_before_what_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("gpstime.store.writer.BACKLOG", 20_000)
    system = System(monkeypatch)
    record = Record(tmp_path, {}, commit_s=10, ring_bytes=1 << 20)
    system.at, system.lasting, system.what, system.listening = 1, 10**9, "full", True
    for k in range(300):
        record(PpsEdge(RawNs(k * NS), UnixNs(k * NS), seq=k))
        record(SerialBytes(RawNs(k * NS + 1), bytes((k * k * n) % 251 for n in range(300)), ""))
    assert record.state is State.FULL
    assert record.facts["dropped"] == 0
    system.listening = False
    record.close()
    (run,) = runs(tmp_path)
    assert len(list(RunWorld(run, "epochs").events())) == 300
    assert not run.damage
    assert not run.has_bytes()


def test_the_ring_has_nothing_twice_when_the_kept_part_has_to_wait(tmp_path, monkeypatch):
    record = Record(tmp_path, {}, commit_s=10, ring_bytes=1 << 20)
    fails = [False]

    def fdatasync(fd: int) -> None:
        if fails[0]:
            raise OSError(errno.EIO, "sync")
        REAL["fdatasync"](fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    for k in range(100):
        fails[0] = 30 <= k < 80
        record(PpsEdge(RawNs(k * NS), UnixNs(k * NS), seq=k))
        record(SerialBytes(RawNs(k * NS + 1), bytes([k]), ""))
    record.close()
    (run,) = runs(tmp_path)
    twice: Counter[str] = Counter()
    list(run._marked(run.raw, twice))
    assert twice["batch-twice"] == 0
    assert run.has_bytes()
    assert len(list(RunWorld(run, "bytes").events())) == 200
