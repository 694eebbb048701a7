"""`gpstime replay`, `export` and `import`: what they write, say and answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gpstime.app.run import run
from gpstime.cli import main
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.model import Heard, SerialBytes
from gpstime.report.replay import listed_object, object_of
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.record import Record
from gpstime.store.recorded import RecordedWorld, lower_bound
from gpstime.store.runs import runs

STEP = Scenario(duration_s=400, seed=4, faults=("system-step:at=200s,step=18s", "bit-errors"))


def record_of(folder: Path, scenario: Scenario = STEP, **options) -> SimWorld:
    world = SimWorld(scenario)
    record = Record(folder, world.head, **options)
    run(world, Engine(BUILT_IN.table, lower_bound(world.head)), [record])
    record.close()
    return world


def told(capsys: pytest.CaptureFixture[str], *argv: object, code: int = 0) -> str:
    capsys.readouterr()
    assert main([str(word) for word in argv]) == code
    return capsys.readouterr().out


def test_replay_says_that_it_found_the_same_and_when_the_clock_was_stepped(tmp_path, capsys):
    record_of(tmp_path, ring_bytes=1 << 24)
    for read in ("bytes", "epochs"):
        o = json.loads(told(capsys, "replay", "--record", tmp_path, "--read", read, "--json"))
        assert o["compared"] == "same"
        assert o["read"] == read
        assert o["status"] == "ok"
        assert o["findings"] > 400
        assert o["run"] == 1
        assert o["damage"] == {}
        (step,) = o["clock_steps"]
        assert step["step_ns"] == pytest.approx(18e9, abs=1e6)
        assert step["placed"]["utc"].startswith("2026-03-01T12:03:2")
        assert step["placed"]["err_ns"] < 10**6
    text = told(capsys, "replay", "--record", tmp_path)
    assert "findings are those of the run itself" in text
    assert "clock step  +18.00" in text
    assert "2026-03-01T12:03:2" in text


def test_replay_says_what_is_missing(tmp_path, capsys):
    record_of(tmp_path)
    path = runs(tmp_path)[0].kept[0].path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    o = json.loads(told(capsys, "replay", "--record", tmp_path, "--json", code=1))
    assert o["compared"] == "incomplete"
    assert o["damage"] == {"damaged-batch": 1, "batch-lost": 1}
    assert o["differs_since"]["utc"].startswith("2026-03-01T12:0")
    path.write_bytes(path.read_bytes()[:-50])
    text = told(capsys, "replay", "--record", tmp_path, code=1)
    assert "parts of the record are missing" in text
    assert "torn-tail" in text


def test_replay_finds_out_another_engine(tmp_path, capsys, monkeypatch):
    """The control: a replay that does not find the same must not say that it does."""
    record_of(tmp_path)
    assert json.loads(told(capsys, "replay", "--record", tmp_path, "--json"))["compared"] == "same"
    later = lower_bound({"started_utc": "2030-01-01T00:00:00Z"})
    monkeypatch.setattr("gpstime.store.runs.RunWorld.not_before", later)
    o = json.loads(told(capsys, "replay", "--record", tmp_path, "--json", code=1))
    assert o["compared"] == "different"
    assert o["differs_since"] is not None


def test_the_list_of_runs(tmp_path, capsys):
    record_of(tmp_path, ring_bytes=1 << 24)
    record_of(tmp_path, Scenario(duration_s=5))
    lines = told(capsys, "replay", "--record", tmp_path, "--list").splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("run 1: 2026-03-01T1")
    assert "raw bytes" in lines[0]
    assert "nothing of its boot says when" in lines[1]
    objects = [json.loads(line) for line in told(capsys, "replay", "--record", tmp_path, "--list", "--json").splitlines()]
    assert [o["has_bytes"] for o in objects] == [True, False]
    assert objects[0]["batches"] == 7


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.xz", ".jsonl.zst"])
@pytest.mark.parametrize("read", ["bytes", "epochs"])
def test_export_import_and_measure_agree(tmp_path, capsys, suffix, read):
    if suffix.endswith("zst"):
        pytest.importorskip("zstandard", reason="zstd captures need the zstandard library")
    world = record_of(tmp_path / "a", ring_bytes=1 << 24)
    out = tmp_path / f"night{suffix}"
    written = json.loads(told(capsys, "export", out, "--record", tmp_path / "a", "--read", read, "--json"))
    assert written["read"] == read
    recorded = RecordedWorld(str(out))
    events = list(recorded.events())
    assert len(events) == written["events"]
    assert not recorded.skipped
    assert recorded.head["board"] == world.head["board"]
    if read == "bytes":
        assert events == list(SimWorld(STEP).events())
    else:
        assert any(isinstance(event, Heard) for event in events)
        assert not any(isinstance(event, SerialBytes) for event in events)
    brought = json.loads(told(capsys, "import", out, "--record", tmp_path / "b", "--json"))
    assert brought["events"] == written["events"]
    first = json.loads(told(capsys, "replay", "--record", tmp_path / "a", "--json"))
    second = json.loads(told(capsys, "replay", "--record", tmp_path / "b", "--json"))
    measured = json.loads(told(capsys, "measure", "--world", out, "--json"))
    for key in ("freq_ppb", "freq_lo_ppb", "n", "label", "last_labelled", "rejected", "steps", "status"):
        assert first[key] == second[key] == measured[key], key
    assert second["compared"] == "same"
    assert second["first"] == first["first"]


def test_a_part_by_utc(tmp_path, capsys):
    record_of(tmp_path, ring_bytes=1 << 24)
    out = tmp_path / "part.jsonl"
    told(capsys, "export", out, "--record", tmp_path, "--since", "2026-03-01T12:01:00Z", "--until", "2026-03-01T12:02:00.5Z")
    events = list(RecordedWorld(str(out)).events())
    edges = [event for event in events if type(event).__name__ == "PpsEdge"]
    assert len(edges) in (60, 61)
    assert any(isinstance(event, SerialBytes) for event in events)
    record_of(tmp_path / "short", Scenario(duration_s=5))
    capsys.readouterr()
    assert main(["export", str(out), "--record", str(tmp_path / "short"), "--since", "2026-03-01T12:01:00Z"]) == 2
    assert "says when it was" in capsys.readouterr().err


def test_to_stdout_and_from_stdin(tmp_path, capsys, monkeypatch):
    record_of(tmp_path / "a", Scenario(duration_s=90))
    capture = told(capsys, "export", "-", "--record", tmp_path / "a")
    assert json.loads(capture.splitlines()[0])["k"] == "head"

    class Stdin:
        def __init__(self, data: bytes) -> None:
            import io

            self.buffer = io.BytesIO(data)

    monkeypatch.setattr(sys, "stdin", Stdin(capture.encode()))
    assert "are run 1" in told(capsys, "import", "-", "--record", tmp_path / "b")


def test_what_is_wrong_is_said(tmp_path, capsys):
    assert main(["replay", "--record", str(tmp_path / "none")]) == 2
    assert "can't read the record" in capsys.readouterr().err
    assert main(["replay", "--record", str(tmp_path)]) == 2
    assert "no run" in capsys.readouterr().err
    record_of(tmp_path, Scenario(duration_s=5))
    assert main(["replay", "--record", str(tmp_path), "--run", "9"]) == 2
    assert "no run 9" in capsys.readouterr().err
    assert main(["replay", "--record", str(tmp_path), "--read", "bytes"]) == 2
    assert "ring" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "no" / "folder.jsonl"), "--record", str(tmp_path)]) == 2
    (tmp_path / "bad.jsonl").write_text("no\n")
    good = tmp_path / "good.jsonl"
    told(capsys, "export", good, "--record", tmp_path)
    assert main(["import", str(tmp_path / "bad.jsonl"), str(good), "--record", str(tmp_path / "new")]) == 1
    out, err = capsys.readouterr()
    assert "no capture" in err
    assert "are run 1" in out
    writer = Record(tmp_path / "new", {})
    assert main(["import", str(good), "--record", str(tmp_path / "new")]) == 2
    assert "nothing imported" in capsys.readouterr().err
    writer.close()


def test_keys_are_those_of_the_paper(tmp_path):
    from gpstime.app.replay import listing, replay

    record_of(tmp_path, Scenario(duration_s=90))
    found = runs(tmp_path)
    paper = (Path(__file__).parent.parent.parent / "docs" / "json.md").read_text()
    section = paper.split("## gpstime replay --json\n", 1)[1].split("\n## ", 1)[0]
    from gpstime.report.measurement import as_object

    r = replay(found[0], found, BUILT_IN.table)
    keys = (object_of(r).keys() - as_object(r.measurement).keys()) | listed_object(listing(found, BUILT_IN.table)[0]).keys()
    for key in keys:
        assert f"`{key}`" in section, key


def test_an_export_does_not_write_over_what_it_reads(tmp_path, capsys):
    record_of(tmp_path, Scenario(duration_s=90), ring_bytes=1 << 20)
    for segment in (*runs(tmp_path)[0].kept, *runs(tmp_path)[0].raw):
        before = segment.path.read_bytes()
        (tmp_path / "link.jsonl.xz").symlink_to(segment.path)
        for name in (segment.path, tmp_path / "link.jsonl.xz"):
            assert main(["export", str(name), "--record", str(tmp_path)]) == 2
            assert "of the record itself" in capsys.readouterr().err
        assert segment.path.read_bytes() == before
        (tmp_path / "link.jsonl.xz").unlink()


def test_what_an_export_needs_is_named(tmp_path, capsys, monkeypatch):
    record_of(tmp_path, Scenario(duration_s=90))
    assert main(["export", "/dev/full", "--record", str(tmp_path)]) == 2
    assert "can't write /dev/full: No space left" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "zstandard", None)
    assert main(["export", str(tmp_path / "out.jsonl.zst"), "--record", str(tmp_path)]) == 2
    assert "pip install gpstime-pi[zstd]" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl.zst").exists()


def test_the_list_verified(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gpstime.app.replay.SHORT", 0)
    monkeypatch.setattr("gpstime.store.ends.PIECE", 6000)
    record_of(tmp_path, Scenario(duration_s=1500))
    path = runs(tmp_path)[0].kept[0].path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    quick = json.loads(told(capsys, "replay", "--record", tmp_path, "--list", "--json"))
    slow = json.loads(told(capsys, "replay", "--record", tmp_path, "--list", "--verify", "--json"))
    assert (quick["whole"], quick["damage"]) == (False, {})
    assert (slow["whole"], slow["damage"]) == (True, {"damaged-batch": 1, "batch-lost": 1})
    assert slow["batches"] == quick["batches"] - 1
    assert main(["replay", "--record", str(tmp_path), "--verify"]) == 2
    assert "goes with --list" in capsys.readouterr().err
