"""The service keeps a record: what it found live is what a replay finds, and a disk that fails is said where people look."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

from doubles import VirtualTime
from test_daemon import Replayed, config, terminate

from gpstime.app.daemon import Fitted, serve
from gpstime.app.journal import Relay
from gpstime.app.live import LiveTime
from gpstime.app.replay import replay
from gpstime.app.status import ask_status
from gpstime.core.leap import BUILT_IN
from gpstime.report.status import as_text
from gpstime.store.record import Record
from gpstime.store.recorded import lower_bound
from gpstime.store.runs import runs
from gpstime.store.shelf import Appender


def served(tmp_path: Path, folder: Path, out: io.StringIO | None = None, **options) -> dict[str, object]:
    """A simulated board through the service; its last status."""
    told = Relay()
    time, asked, path = VirtualTime(), [], str(tmp_path / "status.sock")

    def over() -> None:
        asked.append(ask_status(path))
        terminate()

    source = Replayed(time, over, faults=("bit-errors", "system-step:at=200s,step=3s"))
    record = Record(folder, source.world.head, told=told, **options)
    fitted = Fitted(
        [source],
        not_before=lower_bound(source.world.head),
        sinks=[record],
        parts={"record": lambda: record.facts},
        closing=[record.close],
        told=told,
    )
    assert (
        serve(
            config(path),
            fitted,
            BUILT_IN.table,
            LiveTime(time),
            {"WATCHDOG_USEC": "4000000", "NOTIFY_SOCKET": str(tmp_path / "none")},
            out or io.StringIO(),
        )
        == 0
    )
    return asked[0]


def test_a_replay_of_the_services_record_finds_what_the_service_found(tmp_path):
    folder = tmp_path / "record"
    status = served(tmp_path, folder, ring_bytes=1 << 24)
    assert status["record"]["state"] == "ok"
    assert "run 1, 0." in as_text(status)
    found = runs(folder)
    for read in ("bytes", "epochs"):
        again = replay(found[0], found, BUILT_IN.table, read=read)
        assert again.compared.word == "same"
        m = again.measurement
        assert m.drift is not None
        assert (m.status, m.steps, m.rejected) == ("ok", status["steps"], status["rejected"])
        assert m.last_labelled is not None
        assert m.last_labelled[1].iso() == status["last_labelled"]
        assert round(m.drift.freq_ppb, 4) == status["freq_ppb"]


def test_measuring_goes_on_without_a_disk_and_the_status_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    status = served(tmp_path, tmp_path / "file" / "record")
    assert status["status"] == "measuring"
    assert status["record"]["state"] == "failing"
    text = " ".join(as_text(status).split())
    assert "failing: can't write to" in text
    assert "measuring goes on" in text


def test_what_the_record_says_stands_in_the_log(tmp_path, monkeypatch):
    """A disk that is full for a while in the middle, and a torn end of the run before."""
    folder, out = tmp_path / "record", io.StringIO()
    served(tmp_path, folder)
    newest = sorted(folder.glob("*"))[-1]
    newest.write_bytes(newest.read_bytes()[:-7])
    whole, writes = Appender.append, []

    def full_for_a_while(self: Appender, *args, **options):
        writes.append(1)
        if 3 <= len(writes) <= 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(self, *args, **options)

    monkeypatch.setattr(Appender, "append", full_for_a_while)
    status = served(tmp_path, folder, out)
    log = out.getvalue().splitlines()
    assert status["record"]["state"] == "ok"
    assert len(writes) > 5
    assert sum("ends in the middle of a batch" in line for line in log[:3]) == 1  # said before the log was there
    (trouble,) = (i for i, line in enumerate(log) if "is full (No space left on device): make room" in line)
    (mended,) = (i for i, line in enumerate(log) if "is written again" in line)
    assert trouble < mended
    assert not any("lost" in line and "batch" in line for line in log)


def test_a_read_only_disk_from_the_start_is_the_logs_first_word(tmp_path, monkeypatch):
    def read_only(*args, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "makedirs", read_only)
    out = io.StringIO()
    assert served(tmp_path, tmp_path / "record", out)["record"]["state"] == "read-only"
    assert "is read-only: mount it for writing" in out.getvalue().splitlines()[1]
