"""`gpstime sim`: the file holds the run, the truth is told, what is wrong is said."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from gpstime.app import sim
from gpstime.app.board import add_board_arguments, scenario_from
from gpstime.app.rtc_world import simulated
from gpstime.errors import UsageError
from gpstime.sim.faults import FAULTS
from gpstime.sim.personalities import PERSONALITIES
from gpstime.store.recorded import RecordedWorld


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    sim.add_arguments(parser)
    return parser.parse_args(argv)


MANY = (
    *("--for=90s", "--seed=7", "--board=pi3", "--personality=mtk3339", "--delay=500ms", "--jitter=20ms", "--baud=19200"),
    *("--ppm=2.5", "--pps-noise=1us", "--pps-noise-kind=student3", "--white-fm=1e-9", "--walk-fm=1e-10", "--flicker-fm=1e-10"),
    *("--ageing=2", "--daily-temp=4", "--tick=5s", "--rtc=ds3231", "--both-edges", "--start=2025-12-31T23:59:00Z"),
    *("--fault=duplicate-pulse:rate=0.1", "--fault=system-step:at=60s,step=1s", "--fault=unplug:at=20s"),
)


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.xz", ".jsonl.zst"])
def test_the_file_replays_to_the_same_events(tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    if suffix.endswith("zst"):
        pytest.importorskip("zstandard", reason="zstd captures need the zstandard library")
    path = tmp_path / f"board{suffix}"
    args = parsed(str(path), *MANY, "--json")
    assert sim.command(args) == 0
    world = simulated(args)
    recorded = RecordedWorld(str(path))
    assert list(recorded.events()) == list(world.events())
    assert recorded.head["about"] == world.head["about"]
    assert recorded.head["started_utc"] == "2025-12-31T23:59:00Z"
    told = json.loads(capsys.readouterr().out)
    assert told.pop("file") == str(path)
    assert told.pop("seed") == 7
    assert told.pop("faults") == ["duplicate-pulse:rate=0.1,gap=1e-05s", "system-step:at=60s,step=1s", "unplug:at=20s,for=10s"]
    assert told.pop("rtc") == {"chip": "ds3231", "mean_freq_ppb": pytest.approx(500.0)}
    assert told == world.truth.summary()
    assert told["freq_ppb"] == pytest.approx(2500, abs=700)


def test_to_stdout_the_truth_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert sim.command(parsed("-", "--for", "3s", "--json")) == 0
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["k"] == "head"
    assert sum(line["k"] == "pps" for line in lines) == 3
    assert json.loads(err)["n"] == 3


def test_for_people_the_truth_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sim.command(parsed(str(tmp_path / "a.jsonl"), "--for=20s", "--ppm=-12", "--walk-fm=0"))
    assert "20 pulses over 19 s. The truth: the crystal is -12.0000 ppm off at the end" in capsys.readouterr().out
    sim.command(parsed(str(tmp_path / "a.jsonl"), "--for=5s", "--fault=cold-start"))
    assert "no pulse counts seconds" in capsys.readouterr().out


def test_the_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert sim.command(parsed("--list")) == 0
    listing = capsys.readouterr().out
    for name in (*FAULTS, *PERSONALITIES, "pi5"):
        assert name in listing
    assert all(k.source in listing and k.says in listing for k in FAULTS.values())
    sim.command(parsed("--list", "--json"))
    assert json.loads(capsys.readouterr().out)["faults"].keys() == FAULTS.keys()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("a.jsonl", "--fault=nonesuch"), "unknown fault 'nonesuch'; known:"),
        (("a.jsonl", "--personality=nonesuch"), "known: ublox-m8, mtk3339, l76"),
        (("a.jsonl", "--sentences=RMC,ABC"), "unknown sentence 'ABC'"),
        (("a.jsonl", "--baud=12"), "out of range"),
        ((), "no file"),
    ],
)
def test_what_is_wrong_is_said_before_a_file_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=says):
        sim.command(parsed(*argv))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong",
    ["--for=0s", "--for=x", "--delay=-1s", "--delay=soon", "--ppm=nan", "--start=today", "--pps-noise=1e9", "--white-fm=-1"],
)
def test_argparse_refuses_what_is_no_value(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parsed("a.jsonl", wrong)
    assert stopped.value.code == 2
    assert wrong.split("=")[0] in capsys.readouterr().err


def test_another_command_shares_the_options_of_the_board() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--for", dest="limit_s", type=float)
    sim.add_arguments(parser.add_argument_group("the simulated board"))
    scenario = scenario_from(parser.parse_args(["--for=600", "--seed=3", "--delay=0.9s", "--rtc-offset=-2s"]))
    assert (scenario.seed, scenario.delay_ms, scenario.duration_s) == (3, 900.0, 720)
    assert scenario.rtc is not None
    assert scenario.rtc.offset_s == -2.0
    bare = argparse.ArgumentParser()
    add_board_arguments(bare)
    assert scenario_from(bare.parse_args([])).duration_s == 601
