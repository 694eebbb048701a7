"""`gpstime chrony`: lines from a saved status, chronyc's table explained, exit codes, JSON; the programs are scripts."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path

import pytest

from gpstime.cli import main
from gpstime.core.chrony_lines import Measured, sock_lines
from gpstime.drivers import chrony_program, time_width
from gpstime.drivers.chrony_conf import Refclock
from gpstime.drivers.chrony_program import Version, installed, version_in
from gpstime.errors import DeviceError, DeviceMissing

STATUS = {
    "status": "measuring",
    "stamps": {"backend": "kernel", "bias_ns": 3000, "bias_err_ns": 3000, "bias_why": "boards before the Pi 5"},
    "receiver": {"sentences": 9, "delay": {"median_ns": 512_000_000, "spread_ns": 2_500_000, "n": 14_400}},
}
SOURCES = """#,*,GPST,0,3,377,5,-0.000000123,-0.000000456,0.000006789
^,-,192.0.2.1,1,6,377,20,0.0011,0.0011,0.02
"""


@pytest.fixture
def saved(tmp_path: Path) -> str:
    (tmp_path / "status.json").write_text(json.dumps(STATUS))
    return str(tmp_path / "status.json")


@pytest.fixture
def chrony(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs, alone on the PATH: `put(name, script)` writes one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(time_width, "PLACES", str(folder))
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def put_chrony(folder: Path, version: str = "4.3", table: str = SOURCES) -> None:
    put(folder, "chronyd", f'echo "chronyd (chrony) version {version} (+CMDMON +NTP +REFCLOCK)"')
    put(folder, "chronyc", f"printf '%s' '{table}'")


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["chrony", *words])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_lines_for_the_installed_version(chrony: Path, saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    put_chrony(chrony, "4.8.1")
    code, out, _ = asked(capsys, "--from", saved)
    assert code == 0
    expected = sock_lines((4, 8), Measured(3000, 3000, True, "boards before the Pi 5"), "/run/chrony.gpstime.sock", 64)
    assert out.splitlines()[: len(expected)] == expected
    assert 'write sock = "/run/chrony.gpstime.sock" below [feeds]' in out
    assert all(line.startswith(("# ", "refclock ")) for line in out.splitlines()), "what is printed is a configuration"


def test_the_configuration_says_where(saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[feeds]\nsock = "/run/chrony.mine.sock"\nshm = 9\nshm_mode = "0660"\n')
    words = ("--from", saved, "--chrony", "4.3", "--config", str(file))
    _, out, _ = asked(capsys, *words)
    assert "refclock SOCK /run/chrony.mine.sock " in out
    assert "does not feed it yet" not in out
    _, out, _ = asked(capsys, *words, "--via", "shm")
    assert "refclock SHM 9:perm=0660 " in out
    assert "safer way" not in out


def test_a_pulse_that_chrony_reads_itself(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--from", saved, "--via", "pps", "--device", "/dev/pps1")
    code, out, _ = asked(capsys, *words, "--chrony", "4.0")
    assert code == 0
    assert "refclock SHM 0 refid NMEA offset 0.512 " in out
    assert "refclock PPS /dev/pps1 lock NMEA refid PPS poll 3 offset 0.000003 delay 0.0000063" in out
    assert "within 0.2 s" in out
    assert "within 0.4 s" in asked(capsys, *words, "--chrony", "4.3")[1]


@pytest.mark.parametrize(("version", "code"), [("4.0", 1), ("4.3", 0)])
def test_sentences_that_stray_too_far_for_a_lock(
    version: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0.1 s of spread: 3 of them are more than 0.2 s and less than 0.4 s."""
    delay = {"median_ns": 300_000_000, "spread_ns": 100_000_000, "n": 3000}
    file = tmp_path / "s.json"
    file.write_text(json.dumps(STATUS | {"receiver": {"delay": delay}}))
    found, out, _ = asked(capsys, "--from", str(file), "--via", "pps", "--device", "/dev/pps0", "--chrony", version)
    assert found == code
    assert ("stray by 0.300 s, beyond the 0.2 s" in out) == (code == 1)


def test_what_is_missing_is_said_and_ends_with_2(
    chrony: Path, saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: str) -> str:
        code, out, err = asked(capsys, *words)
        assert (code, out) == (2, "")
        return err

    assert "no chronyd is installed here" in told("--from", saved)
    put(chrony, "chronyd", "echo chronyd version DEVELOPMENT")
    assert "which is no version" in told("--from", saved)
    assert "'four' is no version of chrony" in told("--from", saved, "--chrony", "four")
    none = ("--socket", str(tmp_path / "none"), "--chrony", "4.3")
    assert "no gpstime run listens" in told(*none, "--via", "pps")
    assert "is no answer of gpstime status --json" in told("--from", __file__, "--chrony", "4.3")
    (tmp_path / "early.json").write_text('{"stamps": {}, "receiver": {"delay": null}}')
    early = ("--from", str(tmp_path / "early.json"), "--chrony", "4.3")
    assert "half an hour" in told(*early, "--via", "pps", "--device", "/dev/pps0")
    code, out, _ = asked(capsys, *early)
    assert (code, "is not known here" in out) == (0, True)


def test_sources_of_the_chronyd_that_runs(chrony: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_chrony(chrony)
    none = ("--socket", str(tmp_path / "none"))
    code, out, _ = asked(capsys, "--sources", *none)
    assert code == 0
    assert re.search(r"^#\* GPST +chrony follows this one\.$", out, re.MULTILINE)
    assert "left out" in out
    put_chrony(chrony, table="#,?,GPST,0,3,0,4294967295,0,0,0\n")
    assert asked(capsys, "--sources", *none)[0] == 1, "nothing is followed"
    put_chrony(chrony, table="")
    code, out, _ = asked(capsys, "--sources", *none)
    assert (code, "no sources at all" in out) == (1, True)
    put(chrony, "chronyc", "echo 506 Cannot talk to daemon; exit 1")
    code, out, err = asked(capsys, "--sources", *none)
    assert (code, out) == (2, "")
    assert "chronyd does not answer (506 Cannot talk to daemon)" in err


def test_a_table_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    late = "#,?,NMEA,0,4,377,11,0.3,0.3,0.03\n#,?,PPS0,0,4,0,4294967295,0,0,0\nrubbish \x00\n"
    (tmp_path / "t").write_text(late)
    code, out, _ = asked(capsys, "--sources", str(tmp_path / "t"))
    assert code == 1
    assert "is unusable" not in out
    assert "not a line of `chronyc sources`: rubbish" in out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(late.encode() + b"\xff\n")))
    assert "PPS0 is unusable because NMEA is +0.300 s off (limit 0.2 s" in " ".join(
        asked(capsys, "--sources", "-", "--chrony", "4.0")[1].split()
    )


def test_lines_and_sources_together(chrony: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the service and chronyd run: both, and still a configuration."""
    put_chrony(chrony, table="#,?,GPST,0,3,0,4294967295,0,0,0\n")
    monkeypatch.setattr("gpstime.report.chrony.ask_status", lambda path: STATUS | {"feeds": [{"state": "feeding"}]})
    code, out, _ = asked(capsys)
    assert code == 0
    assert all(line.startswith(("# ", "refclock ")) for line in out.splitlines())
    assert "chrony takes none: another [feeds] time_t" in " ".join(out.replace("# ", " ").split())
    put(chrony, "chronyc", "exit 1")
    code, out, _ = asked(capsys)
    assert (code, "chronyd does not answer (chronyc failed)" in out) == (0, True)


def test_without_the_service_the_lines_allow_for_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for via in ("sock", "shm"):
        code, out, _ = asked(capsys, "--socket", str(tmp_path / "none"), "--chrony", "4.3", "--via", via)
        assert code == 0
        assert " delay 0.0021" in out
        assert "allow for more than they need: no gpstime run listens" in " ".join(out.replace("#", " ").split())
        assert all(line.startswith(("# ", "refclock ")) for line in out.splitlines())


REFCLOCKS = [
    Refclock("PPS", "/dev/pps0:clear", "/etc/chrony/chrony.conf", 7, "refclock PPS /dev/pps0:clear lock NMEA"),
    Refclock("SOCK", "/run/chrony.gpstime.sock", "/etc/chrony/conf.d/gps.conf", 1, "refclock SOCK /run/chrony.gpstime.sock"),
    Refclock("SHM", "0", "/etc/chrony/chrony.conf", 6, "refclock SHM 0 refid NMEA"),
]


@pytest.mark.parametrize(
    ("via", "same", "another"),
    [("sock", "conf.d/gps.conf line 1", ["chrony.conf line 7"]), ("pps", "chrony.conf line 7", ["conf.d/gps.conf line 1"])],
)
def test_lines_that_are_there_already(
    via: str,
    same: str,
    another: list[str],
    chrony: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put_chrony(chrony)
    monkeypatch.setattr("gpstime.report.chrony.ask_status", lambda path: STATUS)
    monkeypatch.setattr("gpstime.report.chrony.refclocks", lambda: REFCLOCKS)
    words = ("--via", via, "--device", "/dev/pps0")
    _, out, _ = asked(capsys, *words)
    said = " ".join(out.replace("#", " ").split())
    assert f"{same} has such a line already" in said
    for where in another:
        assert f"{where} gives chrony the same pulse in another way" in said
    assert "line 6" not in said, "gpsd's sentences are no pulse"
    _, out, _ = asked(capsys, *words, "--json")
    assert [c["line"] for c in json.loads(out)["configured"]] == [7, 1, 6]
    _, out, _ = asked(capsys, *words, "--chrony", "4.3")
    assert "such a line already" not in out, "it is for another machine"


def test_the_table_that_people_see(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t").write_text("MS Name/IP\n====\n#* GPST    0   3   377     5   -123ns[ -456ns] +/-   6789ns\n")
    code, out, _ = asked(capsys, "--sources", str(tmp_path / "t"))
    assert code == 0
    said = " ".join(out.split())
    assert "#* GPST chrony follows this one." in said
    assert "this clock is 123 ns behind now (in brackets: 456 ns behind when that was taken), give or take 6.79 us." in said


def documented() -> set[str]:
    text = (Path(__file__).parents[2] / "docs/json.md").read_text(encoding="utf-8")
    section = text.split("## gpstime chrony --json\n")[1].split("\n## ")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}


def test_json(chrony: Path, saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    put_chrony(chrony)
    code, out, _ = asked(capsys, "--from", saved, "--chrony", "4.3", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["version"], found["via"], found["delay_s"], found["lock_limit_s"]) == ("4.3", "sock", 6.3e-6, 0.4)
    assert (found["late_ns"], found["doubt_ns"], found["sentences_ns"], found["n"]) == (3000, 3000, 512_000_000, 14_400)
    code, out, _ = asked(capsys, "--sources", "--json", "--socket", "/nowhere")
    table = json.loads(out)
    assert [row["state"] for row in table["sources"]] == ["*", "-"]
    assert table["sources"][0]["reach"] == 0o377
    nested = set(table["sources"][0]) | {"file", "line", "text"}
    assert set(found) | nested == documented(), "docs/json.md and the command agree"
    assert set(table) == set(found)


# ---- the programs ----------------------------------------------------------------------------------------------------------------


def test_what_versions_look_like() -> None:
    assert version_in("chronyd (chrony) version 4.6.1 (+CMDMON)") == Version(4, 6)
    assert version_in("chronyd (chrony) version 4.0-pre4 (+CMDMON)") == Version(4, 0)
    assert version_in("") is None
    assert Version(4, 10) > Version(4, 9)
    assert str(Version(4, 10)) == "4.10"


def test_an_old_chronyd_knows_only_v(chrony: Path) -> None:
    put(
        chrony, "chronyd", 'if [ "$1" = -v ]; then echo "chronyd (chrony) version 3.5 (+CMDMON)"; else echo "Usage" >&2; exit 1; fi'
    )
    assert installed() == Version(3, 5)


def test_a_program_that_can_not_be_run_or_hangs(chrony: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeviceMissing, match="apt install chrony"):
        chrony_program.sources()
    put(chrony, "chronyc", "exec /bin/sleep 60")
    monkeypatch.setattr(chrony_program, "PATIENCE_S", 0.05)
    with pytest.raises(DeviceError, match="can't be run"):
        chrony_program.sources()
    (chrony / "chronyc").write_bytes(b"\x7fELF nothing")
    os.chmod(chrony / "chronyc", 0o755)
    with pytest.raises(DeviceError, match="can't be run"):
        chrony_program.sources()
