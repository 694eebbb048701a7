"""`gpstime lab reclose`: a capture closed again with other policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gpstime.app.lab_compare import policies, simulate
from gpstime.app.run import run
from gpstime.cli import main
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.model import Event
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.capture import encode, encode_head

SCENARIO = Scenario(
    seed=2, duration_s=500, oscillator=Oscillator(ppm=8.0), system_offset_s=0.15, faults=("missing-pulse:rate=0.02",)
)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that slewed, as a capture."""
    path = tmp_path_factory.mktemp("night") / "night.jsonl"
    world = SimWorld(SCENARIO)
    lines = [encode_head(**world.head)]
    engine = Engine(BUILT_IN.table, discipline=policies()["slew-only"])
    run(world, engine, [lambda value: lines.append(encode(value)) if isinstance(value, Event) else None])
    path.write_text("\n".join(lines) + "\n")
    return path


def test_each_policy_is_as_if_it_had_been_that_night(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "reclose", str(night), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["source"] == str(night)
    assert (found["ppm"], found["seed"]) == (None, None)
    by_name = {p["policy"]: p for p in found["policies"]}
    assert list(by_name) == ["none", "slew-only", "step-128ms", "step-always"]
    bias_ns = 3000  # by which the stamps are late: the pulses are this page's true time
    for name, policy in policies().items():
        if name == "default":
            continue
        direct = simulate(SCENARIO, name, policy)
        assert by_name[name]["last_ns"] - bias_ns == pytest.approx(direct.offset_ns[-1], abs=25_000)
        steps = [ns for _, ns in direct.steps]
        assert (by_name[name]["back"], by_name[name]["forward"]) == (sum(s < 0 for s in steps), sum(s > 0 for s in steps))
        assert by_name[name]["repeated_ns"] == pytest.approx(-sum(s for s in steps if s < 0), abs=5 * max(1, len(steps)))


def test_policies_are_chosen_by_name(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "reclose", str(night), "--policy", "default", "--policy", "none", "--policy", "default"]) == 0
    page = capsys.readouterr().out
    assert "closed again" in page
    assert "gpstime's own: right after 1 s; 150 ms shown twice" in page
    assert "slew only" not in page
    assert page.startswith("SIMULATED: ")  # as the head of the capture says


def test_another_program_is_named_and_not_fought(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "shared.jsonl")
    assert main(["sim", path, "--for", "10m", "--system-offset", "50ms", "--fault", "chrony-slews:at=300"]) == 0
    capsys.readouterr()
    assert main(["lab", "reclose", path, "--policy", "slew-only"]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "What chrony did to its clock is left in it, and no policy steers beside it." in page


def test_without_a_second_there_is_nothing_to_close(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mute.jsonl"
    path.write_text('{"k":"pps","t":1000000000,"shown":1000000000,"edge":"assert","seq":1}\n')
    assert main(["lab", "reclose", str(path)]) == 1
    assert "no pulses whose second is verified" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"), [(["-"], "give a file"), (["none.jsonl"], "can't read"), (["x", "--max-slew", "0"], "500")]
)
def test_what_makes_no_sense(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "reclose", *arguments]) == 2
    assert says in capsys.readouterr().err
