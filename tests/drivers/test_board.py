"""What a board tells about itself, on trees of real boards; and how late its stamps are known to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from pi_trees import CASES, IDS, tree

from gpstime.drivers.board import Bias, condition, counter_of, family_of, known_bias, model_of
from gpstime.drivers.system_clock import SystemClocks
from gpstime.sim.clock import BOARDS as SIMULATED

MHZ = {"zero": 1.0, "one": 1.0, "three": 19.2, "four": 54.0, "five": 54.0}


@pytest.mark.parametrize(("board", "kernel"), CASES, ids=IDS)
def test_the_counter_by_name(tmp_path: Path, board, kernel) -> None:
    root = tree(tmp_path, board, kernel).done()
    assert model_of(root) == board.model
    assert counter_of(root).hz == MHZ[board.name] * 1e6


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("Raspberry Pi Zero W Rev 1.1", "pi0-1"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "pi2-3"),
        ("Raspberry Pi Model B Rev 2", "pi0-1"),
        ("Raspberry Pi Compute Module Rev 1.0", "pi0-1"),
        ("Raspberry Pi 2 Model B Rev 1.1", "pi2-3"),
        ("Raspberry Pi Compute Module 3 Plus Rev 1.0", "pi2-3"),
        ("Raspberry Pi 400 Rev 1.0", "pi4"),
        ("Raspberry Pi Compute Module 4 Rev 1.1", "pi4"),
        ("Raspberry Pi Compute Module 5 Rev 1.0", "pi5"),
        ("Raspberry Pi 500 Rev 1.0", "pi5"),
        ("Orange Pi Zero 2", ""),
        ("", ""),
    ],
)
def test_families(model, family) -> None:
    assert family_of(model) == family


def test_simulated_boards_have_the_same_counters(tmp_path: Path) -> None:
    for short, simulated in SIMULATED.items():
        if short != "ideal":
            (tmp_path / "proc/device-tree").mkdir(parents=True, exist_ok=True)
            (tmp_path / "proc/device-tree/model").write_text(simulated.name + "\0")
            assert counter_of(tmp_path).hz == pytest.approx(simulated.num / simulated.den * 1e9), short


def test_a_coarse_counter_widens_every_reading(tmp_path: Path) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("Raspberry Pi Zero W Rev 1.1\0")
    assert SystemClocks(root=tmp_path).read().err_ns >= 1000


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_nothing_is_there() -> None:
    found = condition(Path("/nonexistent"))
    assert (found.celsius, found.throttled, found.governor, found.said()) == (None, (), "", [])


@pytest.mark.parametrize("soc", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"])
def test_temperature_throttling_governor(tmp_path: Path, soc) -> None:
    write(tmp_path, "sys/class/thermal/thermal_zone0/type", "gpu-thermal\n")
    write(tmp_path, "sys/class/thermal/thermal_zone0/temp", "40000\n")
    write(tmp_path, "sys/class/thermal/thermal_zone1/type", "cpu-thermal\n")
    write(tmp_path, "sys/class/thermal/thermal_zone1/temp", "81245\n")
    write(tmp_path, f"sys/devices/platform/{soc}/get_throttled", "50005\n")
    policy = "sys/devices/system/cpu/cpufreq/policy0/"
    for name, text in {"scaling_governor": "ondemand", "scaling_cur_freq": "1500000", "scaling_min_freq": "600000"}.items():
        write(tmp_path, policy + name, text + "\n")
    found = condition(tmp_path)
    assert (found.celsius, found.sensor, found.arm_khz) == (81.245, "cpu-thermal", 1_500_000)
    assert found.throttled == found.before == ("under-voltage", "throttled")
    assert any("under-voltage" in s for s in found.said())
    assert any("ondemand" in s for s in found.said())
    assert not any("loses ticks" in s for s in found.said())
    write(tmp_path, policy + "scaling_min_freq", "250000\n")
    assert any("250 MHz" in s for s in condition(tmp_path).said())
    write(tmp_path, f"sys/devices/platform/{soc}/get_throttled", "50000\n")
    assert condition(tmp_path).throttled == ()
    assert condition(tmp_path).before == ("under-voltage", "throttled")


def test_an_absurd_temperature_is_none(tmp_path: Path) -> None:
    write(tmp_path, "sys/class/thermal/thermal_zone0/temp", "-274000\n")
    assert condition(tmp_path).celsius is None


def test_the_known_lateness() -> None:
    """A Pi 5: 7 to 20 us, as the field has it (F-P01); gpiod has the kernel's stamps; Python's own are far later."""
    five = known_bias("pi5", "kernel")
    assert (five.late_ns - five.doubt_ns, five.late_ns + five.doubt_ns) == (7_000, 20_000)
    assert known_bias("pi5", "gpiod") == five
    older = known_bias("pi4", "kernel")
    assert older.late_ns < five.late_ns
    assert "not verified" in older.why
    assert known_bias("pi4", "user").late_ns > 10 * five.late_ns
    assert known_bias("", "kernel") is None, "of an unknown board nothing is claimed"
    assert isinstance(known_bias("", "user"), Bias)


@pytest.mark.parametrize("short", [name for name in SIMULATED if name != "ideal"])
def test_the_simulated_latency_lies_within_what_is_known(short) -> None:
    bias = known_bias(family_of(SIMULATED[short].name), "kernel")
    assert abs(SIMULATED[short].irq_bias_ns - bias.late_ns) <= bias.doubt_ns
