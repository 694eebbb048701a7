"""`gpstime measure` end to end on a real kernel: pulse and sentences in, ppm out, beside the simulated world that is played."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.model import PpsEdge
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.recorded import lower_bound

pytestmark = pytest.mark.virtual
CONFIGURATION = '[receiver]\nport = "/dev/ttyVPI0"\n[record]\nfolder = ""\n'
LATENCY_NS = 10_000
"""What the kernel takes from the line's edge to its stamp, in time travel; seen 2 us."""


@pytest.mark.travel
@pytest.mark.parametrize(("seed", "ppm", "who"), [(3, -20.0, "ublox-m8"), (4, 3.5, "mtk3339"), (5, 41.0, "l76")])
def test_what_is_measured_is_what_was_played(
    board: Any, gpstime: Callable[..., CompletedProcess[str]], tmp_path: Path, seed: int, ppm: float, who: str
) -> None:
    from scenario import play

    scenario = Scenario(seed=seed, duration_s=900, personality=who, oscillator=Oscillator(ppm=ppm), system_offset_s=0.04)
    played = play(board, scenario)
    done = gpstime("measure", "--for", "800s", "--json", configuration=CONFIGURATION)
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(done.stdout)

    simulated = SimWorld(played.world.scenario)
    engine = Engine(played.world.scenario.leap, lower_bound(simulated.head))
    edges: list[PpsEdge] = []
    run(simulated, engine, [lambda value: edges.append(value) if isinstance(value, PpsEdge) else None])
    expected = engine.drift.estimate(edges[-1].at)
    assert expected is not None

    truth = played.world.truth.current_ppb()
    assert truth is not None
    assert (found["label"], found["status"], found["simulated"]) == ("ok", "ok", False)
    assert found["freq_lo_ppb"] <= truth <= found["freq_hi_ppb"]
    assert abs(found["freq_ppb"] - expected.freq_ppb) < expected.freq_hi_ppb - expected.freq_lo_ppb
