"""`gpstime lab run`: files in, a file out that says what the clock did, the figures, and sentences for what can't be."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from gpstime.cli import main

ROOT = Path(__file__).resolve().parents[2]


def lab(folder: Path, freq: np.ndarray, pps: np.ndarray, *options: str) -> int:
    np.save(folder / "f.npy", freq)
    np.save(folder / "p.npy", pps)
    files = ["--freq", str(folder / "f.npy"), "--pps", str(folder / "p.npy"), "--out", str(folder / "r.npz")]
    return main(["lab", "run", *files, *options])


def quiet(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return np.full(n, 2e-5), rng.normal(0, 1e-6, n)


def test_the_clock_of_the_result_is_the_one_that_was_steered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    freq, pps = quiet(600)
    pps[300:310] = np.nan
    assert lab(tmp_path, freq, pps, "--x0", "-0.2") == 0
    with np.load(tmp_path / "r.npz") as found:
        x, f = found["x"], found["f"]
    assert len(x) == 601
    assert len(f) == 600
    assert x[0] == pytest.approx(-0.2)
    moved = np.diff(x)
    step = int(np.argmax(np.abs(moved - f)))
    assert (moved - f)[step] == pytest.approx(0.2, abs=1e-3)  # the step, in the second in which it was made
    assert np.allclose(np.delete(moved, step), np.delete(f, step), atol=1e-12)
    assert np.abs(x[10:]).max() < 5e-6
    assert re.search(r"600 s with 590 pulses; once stepped\. From 300 s on", capsys.readouterr().out)


def test_json_has_the_keys_of_the_paper(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(tmp_path, *quiet(100), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    paper = (ROOT / "docs/json.md").read_text(encoding="utf-8").split("## gpstime lab run --json")[1].split("\n## ")[0]
    rows = [row.split("|")[1] for row in paper.splitlines() if row.startswith("| `")]
    assert list(found) == [key for row in rows for key in re.findall(r"`(\w+)`", row)]
    assert found["pulses"] == found["seconds"] == 100


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ("short", (), "one value each"),
        ("fast", (), "1 %"),
        ("far", (), "NaN says"),
        ("nan", (), "no number"),
        ("", ("--x0", "0.6"), "half a second"),
    ],
)
def test_what_cannot_be_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, options: tuple[str, ...], says: str
) -> None:
    freq, pps = quiet(50)
    if change == "short":
        pps = pps[:49]
    elif change == "fast":
        freq[3] = 0.5
    elif change == "nan":
        freq[3] = np.nan
    elif change == "far":
        pps[7] = 1.5
    assert lab(tmp_path, freq, pps, *options) == 2
    assert says in capsys.readouterr().err


def test_no_pulse_at_all_is_a_free_clock(tmp_path: Path) -> None:
    freq, pps = quiet(50)
    assert lab(tmp_path, freq, np.full_like(pps, np.nan)) == 0
    with np.load(tmp_path / "r.npz") as found:
        assert found["x"][-1] == pytest.approx(0.1 + 50 * 2e-5)
