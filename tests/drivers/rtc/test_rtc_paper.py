"""The Python of docs/rtc.md is run as it stands there, on a simulated chip."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from wired_rtc import WiredRtc

from gpstime.drivers.rtc import open as opening

PAPER = Path(__file__).resolve().parents[3] / "docs" / "rtc.md"


@pytest.mark.parametrize("lost", [False, True])
def test_the_example(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lost: bool) -> None:
    wired = WiredRtc("ds3231", **({"start": None} if lost else {}))
    monkeypatch.setattr(opening, "open_bus", lambda number: wired.bus)
    (code,) = re.findall(r"```python\n(.*?)```", PAPER.read_text(encoding="utf-8"), re.DOTALL)
    exec(code, {})
    said = capsys.readouterr().out.splitlines()
    if lost:
        assert said[0] == "not to be trusted: its oscillator has stopped since it was set (OSF)"
    else:
        assert re.fullmatch(r"2026-11-24T09:59:40Z \+- \d+ ns, 25\.0 C, aging 0", said[0])
    assert said[1].startswith("None TrimSpec(lo=-128, hi=127, ppm_per_step=0.1, positive='slower'")
    assert wired.bus.written == []
