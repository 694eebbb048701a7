"""`gpstime holdover drill`: the pulse is masked for the loop only; what is said of the outage holds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gpstime.app.drill import Drill
from gpstime.app.dry_run import DryWorld
from gpstime.app.run import run
from gpstime.cli import main
from gpstime.core.leap import BUILT_IN
from gpstime.core.policy import Policy
from gpstime.model import Mode, ModeChange
from gpstime.report.holdover import as_object
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.recorded import lower_bound

ROOT = Path(__file__).resolve().parents[2]
SIM = ("--world", "sim", "--white-fm", "1e-8", "--walk-fm", "1e-9", "--seed", "3")


def ran(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["holdover", "drill", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_an_outage_of_ten_minutes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(capsys, *SIM, "--minutes", "10", "--settle", "15m", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["ended_s"] - found["begun_s"] == 600
    assert found["lasted_s"] == pytest.approx(602, abs=2)
    assert abs(found["off_ns"]) <= found["bound_ns"] < 100_000
    assert found["seconds"] >= 590
    assert found["held"] > 0.9 * found["seconds"]
    assert found["forecast_s"] > 600
    bounds = [p["bound_ns"] for p in found["points"]]
    assert bounds == sorted(bounds)
    assert len(bounds) == 12
    assert "within 1 ms for" in err
    assert "of holdover the clock was" in err
    text = (
        (ROOT / "docs" / "json.md")
        .read_text(encoding="utf-8")
        .split("## gpstime holdover drill --json\n", 1)[1]
        .split("\n## ", 1)[0]
    )
    first = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
    assert {word for cell in first for word in re.findall(r"`(\w+)`", cell)} == set(found)


def test_one_that_never_came_to_an_outage_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(capsys, *SIM, "--minutes", "1", "--settle", "5m", "--fault", "lost-fix:at=0,for=2000,pulse=2000s")
    assert code == 1
    assert "never tracked long enough" in out
    assert "was not finished" in err


@pytest.mark.parametrize("minutes", ["0", "soon", "nan", "20000"])
def test_a_length_that_makes_no_sense(minutes: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["holdover", "drill", "--minutes", minutes])
    assert exit_.value.code == 2


def test_the_mask_is_for_the_loop_only() -> None:
    board = SimWorld(Scenario(seed=3, duration_s=900))
    drill = Drill(BUILT_IN.table, lower_bound(board.head), Policy(), 300.0, 200.0)
    modes = []
    run(DryWorld(board), drill, [lambda value: modes.append(value.new) if isinstance(value, ModeChange) else None])
    assert modes == [Mode.TRACKING, Mode.HOLDOVER, Mode.TRACKING]
    assert drill.done
    assert as_object(drill.out)["mode"] == "tracking"
    assert drill.engine.drift.n < drill._truth.drift.n - 190
