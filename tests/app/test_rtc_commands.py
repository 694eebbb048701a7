"""`gpstime rtc` as it is typed: exit codes, one JSON object, what it says first, what goes on between two commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rtc_benches import bench, truly_ahead_ns

from gpstime.app.rtc_compare import compare
from gpstime.cli import main
from gpstime.times import NS

FAST = ("--world", "sim", "--sentences", "RMC")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["rtc", *words])
    out = capsys.readouterr()
    return code, out.out + out.err


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code, text = said(capsys, *words, *FAST, "--json")
    assert text.count("\n") == 1, text
    found = json.loads(text)
    assert isinstance(found, dict)
    return code, found


def test_a_simulation_says_so_first(capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("show", "compare", "boot"):
        _, text = said(capsys, action, *FAST)
        assert text.startswith("SIMULATED: ")
    _, found = told(capsys, "show")
    assert found["simulated"] is True


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = told(capsys, "show", "--chip", "RV-3028", "--rtc-offset", "90s")
    assert code == 0
    assert found["chip"] == "rv3028"
    assert found["shown"] == "2026-03-01T12:01:30.000Z"
    assert found["trim"] == 0
    assert found["trim_spec"]["positive"] == "faster"
    assert found["history"] == {}
    assert found["registers"]["0x00"] is not None


def test_show_a_chip_that_lost_power(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = told(capsys, "show", "--chip", "ds3231", "--rtc-untrusted")
    assert (code, found["status"], found["trusted"]) == (1, "untrusted", False)
    assert "OSF" in found["why"]
    code, text = said(capsys, "show", "--chip", "ds3231", "--rtc-untrusted", *FAST)
    assert code == 1
    assert "NOT trusted" in text


def test_no_second_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("set", "compare"):
        code, found = told(capsys, action, "--fault", "nmea-silent:at=0s,for=3h")
        assert (code, found["status"]) == (1, "no-second")
        assert "no verified second" in found["why"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "--chip", "ds9999"), "no chip 'ds9999'"),
        (("trim", "--chip", "ds1307"), "no trim register"),
        (("trim", "--chip", "ds3231"), "gpstime rtc measure"),
        (("trim", "--chip", "ds3231", "--undo"), "nothing to undo"),
    ],
)
def test_set_up_is_exit_code_2(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str) -> None:
    code, text = said(capsys, *words, *FAST)
    assert code == 2
    assert says in text


@pytest.mark.parametrize("words", [("trim", "--apply", "--undo"), ("trim", "--known", "much"), (), ("polish",)])
def test_usage(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rtc", *words])
    assert ended.value.code == 2
    assert "error" in capsys.readouterr().err


def test_from_command_to_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The chip, its trim and its history go on; each number is that of the one before it."""
    box = ("--chip", "rv3028", "--state", str(tmp_path))
    code, found = told(capsys, "compare", *box, "--rtc-ppm", "8.0", "--rtc-offset", "0.125s")
    assert code == 0
    assert abs(found["ahead_ns"] - 125_000_000) <= found["err_ns"] + 8_000 * 70, "it gains 8 us a second meanwhile"
    assert found["since"] is None
    code, found = told(capsys, "measure", "--for", "30m", *box)
    assert code == 0
    assert found["ppm_lo"] <= 8.0 <= found["ppm_hi"]
    assert found["breaks"] == []
    code, found = told(capsys, "compare", *box)
    assert abs(found["ppm"] - 8.0) <= found["ppm_hi"] - found["ppm_lo"]
    code, plan = told(capsys, "trim", *box)
    assert (code, plan["status"], plan["applied"]) == (0, "worth", False)
    assert plan["value"] == -8
    assert len(plan["residuals"]) == 512
    code, written = told(capsys, "trim", "--apply", *box)
    assert (code, written["status"], written["old"], written["new"]) == (0, "written", 0, -8)
    code, shown = told(capsys, "show", *box)
    assert shown["trim"] == -8
    assert shown["history"]["trimmed"]["old"] == 0
    code, checked = told(capsys, "trim", "--verify", "--for", "30m", *box)
    assert (code, checked["status"]) == (0, "confirmed")
    assert abs(checked["ppm"]) < 0.6
    code, undone = told(capsys, "trim", "--undo", *box)
    assert (code, undone["status"], undone["new"]) == (0, "undone", 0)
    code, done = told(capsys, "set", *box)
    assert (code, done["within_1_ms"]) == (0, True)
    lines = (tmp_path / "rtc-sim-rv3028.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["what"] for line in lines]
    assert kinds[:4] == ["compared", "measured", "compared", "trimmed"]
    assert kinds[-2:] == ["undone", "set"]


def test_known_from_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = told(capsys, "trim", "--chip", "pcf8523", "--known", "106.9+-0.5")
    assert (code, found["value"], found["whence"]) == (0, 25, "said")
    code, text = said(capsys, "trim", "--chip", "ds3231", "--known", "0.02±0.5", *FAST)
    assert code == 0
    assert "would keep" in text
    assert "can't tell gaining from losing" in text
    _, text = said(capsys, "trim", "--chip", "ds3231", "--known", "2", "--all", *FAST)
    assert text.count("ppm  best") == 1
    assert len(text.splitlines()) > 256


def test_a_farther_verdict_is_exit_code_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Told a wrong error, trim makes it worse; --verify says so and --undo puts it right."""
    box = ("--chip", "ds3231", "--state", str(tmp_path))
    told(capsys, "show", *box, "--rtc-ppm", "2.0")
    told(capsys, "trim", "--known=-2.0+-0.1", "--apply", *box)
    code, found = told(capsys, "trim", "--verify", "--for", "30m", *box)
    assert (code, found["status"], found["undo_to"]) == (1, "farther", 0)
    told(capsys, "trim", "--undo", *box)
    _, found = told(capsys, "measure", "--for", "30m", *box)
    assert found["trim"] == 0
    assert abs(found["ppm"] - 2.0) < 0.1


@pytest.mark.parametrize("name", ["ds3231", "pcf8563", "rv8803", "mcp7940n"])
def test_compare_holds_the_truth(name: str) -> None:
    for seed in range(12):
        b = bench(name, "--rtc-ppm", "20", "--rtc-offset", f"{seed / 7:.4f}s", "--seed", str(seed))
        found = compare(b)
        # between the start that was found and now the chip gains 20 ppm
        later = (b.true_unix - found.shown.unix + found.ahead_ns) * 20e-6
        assert abs(truly_ahead_ns(b) - later - found.ahead_ns) <= found.err_ns
        assert found.err_ns < NS // 1000


def test_a_chip_that_is_gone_is_said_and_its_box_is_kept(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    box = ("--chip", "ds3231", "--state", str(tmp_path))
    told(capsys, "trim", *box, "--rtc-ppm", "2.0", "--known", "2.0+-0.1", "--apply")
    code, text = said(capsys, "compare", *box, *FAST, "--fault", "rtc-gone:at=0s,for=1h")
    assert code == 2
    assert "UNAVAILABLE" in text
    _, shown = told(capsys, "show", *box)
    assert shown["trim"] == 20


def test_a_damaged_box(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "sim-ds3231.json").write_text("{")
    code, text = said(capsys, "show", "--state", str(tmp_path), *FAST)
    assert code == 2
    assert "no simulated chip" in text
