"""README's chapter on clock chips, followed literally: each command in its order; at the end the chip is as promised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from readme_examples import README, examples

from gpstime.cli import main


def chapter() -> list[list[str]]:
    """The words of each `gpstime rtc ...` that README shows, in order."""
    text = README.read_text(encoding="utf-8")
    section = text.split("### The clock with the battery: `gpstime rtc`")[1].split("\n## ")[0]
    return [command.split()[1:] for command, _ in examples(section)]


def test_the_chapter_shows_each_action() -> None:
    shown = [" ".join(words) for words in chapter()]
    for action in ("show", "compare", "measure", "trim --world", "trim --apply", "trim --verify", "set", "boot"):
        assert any(line.startswith(f"rtc {action}") for line in shown), action
    assert all("--world sim" in line for line in shown), "nothing in it touches a device"


def test_followed_literally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    chip = tmp_path / "box/sim-ds3231.json"
    states = []
    for words in chapter():
        assert main(words) == 0, words
        assert capsys.readouterr().out.startswith("SIMULATED: ")
        states.append(json.loads(chip.read_text()))
    first, last = states[0], states[-1]
    # it was three seconds ahead and gained 1.8 ppm; now its second starts with the true one, and it keeps time
    assert first["ahead_ns"] == pytest.approx(3e9, abs=1e6)
    assert first["mean_ppm"] == pytest.approx(1.8)
    assert abs(last["ahead_ns"]) < 1_500_000
    assert abs(last["mean_ppm"]) <= 0.1
    assert last["trim"] == 18
    kinds = [json.loads(line)["what"] for line in (tmp_path / "box/rtc-sim-ds3231.jsonl").read_text().splitlines()]
    assert kinds == ["compared", "measured", "trimmed", "verified", "compared", "set"]
