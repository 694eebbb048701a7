"""Holdovers are scored beyond the run: the service's file has them, and a replay of the record finds the same scores."""

from __future__ import annotations

import io
import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from doubles import VirtualTime
from test_daemon import Replayed, config, terminate
from test_discipline_command import Spy

from gpstime.app.catalogue import fit
from gpstime.app.config import parse
from gpstime.app.daemon import Fitted, serve
from gpstime.app.live import LiveTime
from gpstime.app.outage_replay import policy_in, replayed
from gpstime.app.outage_score import Scoring, chance, scores_of, tallies
from gpstime.app.run import run
from gpstime.app.status import ask_status
from gpstime.app.steered import Disciplining
from gpstime.cli import main
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.core.policy import Policy
from gpstime.drivers.steering import SteeringWatch
from gpstime.model import HoldoverBegan, HoldoverScored
from gpstime.report.status import _holdovers
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.outages import Outages, Over
from gpstime.store.record import Record
from gpstime.store.recorded import lower_bound
from gpstime.times import RawNs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of two runs with some outages each, and the scores that were kept meanwhile."""
    place = tmp_path_factory.mktemp("record")
    for seed in (3, 4):
        board = SimWorld(Scenario(seed=seed, duration_s=2400, faults=(f"missing-pulse:rate=0.002,run={80 + seed}",)))
        policy = Policy()
        engine = Engine(BUILT_IN.table, lower_bound(board.head), discipline=policy)
        record = Record(place, board.head | {"discipline": asdict(policy)}, commit_s=30.0)
        loop = engine.discipline
        assert loop is not None
        run(
            board,
            engine,
            [record, Scoring(Outages(place), "service", lambda loop=loop: loop.second, lambda r=record: r.facts["run"])],
        )
        record.close()
    return place


def test_they_outlive_the_run(folder: Path) -> None:
    kept = Outages(folder)
    assert {o.run for o in kept.over} == {1, 2}
    assert len(kept.over) >= 4
    assert all(80.0 < o.lasted_s < 400.0 for o in kept.over)
    assert all(o.utc and o.limit_ns == 1e6 and o.lasts_s for o in kept.over)
    assert scores_of(kept)["outages"] == len(kept.over)


def test_a_replay_of_the_record_finds_the_same(folder: Path) -> None:
    found = replayed(str(folder), None, BUILT_IN.table)
    assert found.over == Outages(folder).over
    assert {o.run for o in replayed(str(folder), 2, BUILT_IN.table).over} == {2}


def keys_in(text: str, heading: str) -> set[str]:
    """What the tables below a heading name in their first column; of lists, what their rows say of their own keys too."""
    section = re.split(r"\n##", text.split(heading)[1])[0]
    rows = [row.split("|") for row in section.splitlines() if row.startswith("| `")]
    named = {word for row in rows for word in re.findall(r"`(\w+)`", row[1])}
    return named | {word for row in rows if "`lengths`" in row[1] for word in re.findall(r"`(\w+)`", row[2])}


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["holdover", "scores", "--record", str(folder), "--json", "--last", "3"]) == 0
    found = json.loads(capsys.readouterr().out)
    over = Outages(folder).over
    assert found["outages"] == len(over)
    assert len(found["last"]) == 3
    assert found["held"] == sum(o.held for o in over)
    said = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    assert keys_in(said, "## gpstime holdover scores --json\n") == set(found) | set(found["lengths"][0]) - {"doubtful"}
    assert keys_in(said, "### A holdover that is over\n") == set(found["last"][0])
    assert main(["holdover", "scores", "--record", str(folder)]) == 0
    text = capsys.readouterr().out
    assert f"{found['held']} of {len(over)} outages within the bound" in text
    assert text.count("within") >= 4


def test_none_yet_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["holdover", "scores", "--record", str(tmp_path)]) == 0
    assert "no holdover was scored yet" in capsys.readouterr().out


def test_bounds_that_lie_are_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = Outages(tmp_path)
    for n in range(12):
        kept.add(Over("2026-11-24T10:00:00Z", 3600.0, 500.0 if n < 4 else 50.0, 100.0))
    assert main(["holdover", "scores", "--record", str(tmp_path)]) == 1
    assert "don't rely on it" in capsys.readouterr().out
    assert "fewer than 95 %" in _holdovers(scores_of(kept))  # type: ignore[arg-type]


def test_what_chance_explains() -> None:
    assert chance(11, 12) == pytest.approx(1.0 - 0.95**12)
    assert chance(12, 12) == pytest.approx(1.0)
    assert chance(0, 0) == 1.0
    assert 0.4 < chance(1900, 2000) < 0.6  # no overflow either
    found = tallies([Over("", s, off, 10.0) for s in (300.0, 600.0, 3_600.0, 90_000.0) for off in (1.0, 11.0)])
    assert [(t.outages, t.held) for t in found] == [(4, 2), (2, 1), (2, 1), (8, 4)]


def test_a_disk_that_refuses_is_told() -> None:
    kept, told = Outages(None), []
    kept.path = Path("/proc/nothing/holdover.jsonl")
    scoring = Scoring(kept, "drill", lambda: None, told=told.append)
    scoring(HoldoverBegan(RawNs(1), 1e6, 100.0))
    scoring(HoldoverScored(RawNs(2), 90.0, 5.0, 10.0, 1, 1))
    assert len(told) == 1
    assert kept.over == [Over("", 90.0, 5.0, 10.0, 1e6, 100.0, 0.0, "drill")]


@pytest.mark.parametrize(
    "head", [{}, {"discipline": None}, {"discipline": {"max_slew_ppb": -1.0}}, {"discipline": {"step_ns": "x"}}]
)
def test_a_run_that_was_not_steered_has_no_policy(head: dict[str, object]) -> None:
    assert policy_in(head) is None
    assert policy_in({"discipline": asdict(Policy(free_ns=5e6)) | {"later": 1}}) == Policy(free_ns=5e6)


def test_a_service_that_steers_keeps_them_beside_its_record(tmp_path: Path) -> None:
    time, asked, path = VirtualTime(), [], str(tmp_path / "status.sock")

    def over() -> None:
        asked.append(ask_status(path))
        terminate()

    source = Replayed(time, over, duration_s=900, faults=("missing-pulse:rate=0.01,run=90",))
    fitted = Fitted([source], policy=Policy(), clock=Spy(), outages=Outages(tmp_path), parts={"record": lambda: {"run": 7}})
    assert serve(config(path), fitted, BUILT_IN.table, LiveTime(time), {}, io.StringIO()) == 0
    kept = Outages(tmp_path).over
    assert kept
    assert {(o.by, o.run) for o in kept} == {("service", 7)}
    said = asked[0]["discipline"]["holdovers"]
    assert said["outages"] == len(kept)
    assert said["last"]["lasted_s"] == kept[-1].lasted_s


def test_what_the_service_is_told_is_in_the_head_of_its_record(tmp_path: Path) -> None:
    (tmp_path / "holdover.jsonl").write_text('{"lasted_s": 70, "off_ns": 1, "bound_ns": 2}\n')
    nobody = SteeringWatch(lambda: None, lambda: ())
    text = f'[record]\nfolder = "{tmp_path}"\n[discipline]\nsteer = true\nfree_ms = 5\n'
    fitted = fit(parse(text, "x"), LiveTime(VirtualTime()), steering=nobody)
    for close in fitted.closing:
        close()
    assert policy_in(fitted.head) == fitted.policy == Policy(free_ns=5e6, next_second=True)
    assert fitted.outages is not None
    assert len(fitted.outages.over) == 1


def test_the_status_of_the_service_has_them(folder: Path) -> None:
    engine = Engine(BUILT_IN.table, discipline=Policy())
    watched = Disciplining(object(), engine, BUILT_IN.table)  # type: ignore[arg-type]
    assert "holdovers" not in watched.standing()
    watched.keep_scores(Outages(folder))
    assert watched.standing()["holdovers"]["outages"] == len(Outages(folder).over)  # type: ignore[index]
