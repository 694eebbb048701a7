"""The units in hw/systemd: systemd reads them without a word, their commands exist, and only one of them may set a clock."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gpstime.cli import _parser

UNITS = sorted((Path(__file__).resolve().parent.parent / "hw/systemd").glob("*.service"))


def settings(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z]\w+)=(.*)$", text, re.MULTILINE))


def capabilities(text: str) -> set[str]:
    told = settings(text)
    return {word for name in ("CapabilityBoundingSet", "AmbientCapabilities") for word in told[name].split()}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_it_starts_a_command_that_exists(unit: Path) -> None:
    program, *words = settings(unit.read_text(encoding="utf-8"))["ExecStart"].split()
    assert program.endswith("/bin/gpstime")
    args = _parser(words[0]).parse_args(words)
    assert args.command == words[0]


def test_only_the_boot_unit_may_set_a_clock() -> None:
    may = {unit.name: capabilities(unit.read_text(encoding="utf-8")) for unit in UNITS}
    assert may.pop("gpstime-rtc-boot.service") == {"CAP_SYS_TIME"}
    assert may == {"gpstime.service": set()}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_reads_it(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    # the program is elsewhere here, and the user need not exist
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", text, flags=re.MULTILINE)
    copy = tmp_path / unit.name
    copy.write_text(text, encoding="utf-8")
    told = complaints(copy)
    assert told == []
    copy.write_text(text.replace("[Service]", "[Service]\nRestrat=always"), encoding="utf-8")
    assert complaints(copy), "the control: a word that systemd does not know"


def complaints(unit: Path) -> list[str]:
    """What systemd says of this unit's own lines."""
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    return [line for line in done.stderr.splitlines() if unit.name in line or "cycle" in line]
