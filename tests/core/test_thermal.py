"""Temperature: a model is found where there is one, and only there; chrony's file of it is read back as chronyd reads it."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from gpstime.core import tempcomp
from gpstime.core.thermal import Block, ThermalModel, fit
from gpstime.core.warmth import BLOCK_S, READINGS, SENSORS, Warmth
from gpstime.errors import UsageError
from gpstime.times import NS, RawNs


def blocks(ppb_per_c: float, ppb_per_c2: float = 0.0, walk: float = 5.0, hours: int = 24, seed: int = 1) -> list[Block]:
    """A day's swing of 3 C about 45 C and a load of 4 C now and then; the frequency walks by `walk` ppb from block to block."""
    draw = random.Random(seed)
    out, freq, load = [], 2_000.0, 0.0
    for k in range(hours * 12):
        if draw.random() < 0.1:
            load = 4.0 - load
        celsius = 45.0 + 3.0 * math.sin(2.0 * math.pi * k / 288.0 + 1.0) + load + draw.gauss(0.0, 0.05)
        freq += draw.gauss(0.0, walk)
        d = celsius - 45.0
        out.append(Block(300.0 * k, celsius, freq + ppb_per_c * d + ppb_per_c2 * d * d))
    return out


@pytest.mark.parametrize("seed", range(5))
def test_a_line_and_a_parabola_are_found(seed: int) -> None:
    line, bent = fit(blocks(-150.0, seed=seed)), fit(blocks(20.0, -4.0, seed=seed))
    assert line is not None
    assert line.helps
    assert line.ppb(50.0) - line.ppb(44.0) == pytest.approx(-900.0, abs=40.0)
    assert bent is not None
    assert bent.helps
    assert bent.turnover_c == pytest.approx(45.0 + 2.5, abs=1.0)
    assert bent.gain > 0.9


@pytest.mark.parametrize("seed", range(10))
def test_where_temperature_does_nothing_no_model_is_used(seed: int) -> None:
    found = fit(blocks(0.0, walk=20.0, seed=seed))
    assert found is not None
    assert not found.helps


def test_wild_changes_are_left_out() -> None:
    rows = blocks(-150.0)
    wild = [Block(b.start_s, b.celsius, b.freq_ppb + (50_000.0 if 100 <= k < 110 else 0.0)) for k, b in enumerate(rows)]
    found = fit(wild)
    assert found is not None
    assert found.ppb(50.0) - found.ppb(44.0) == pytest.approx(-900.0, abs=60.0)


def test_too_little_is_no_model() -> None:
    assert fit(blocks(-150.0)[:40]) is None
    assert fit([Block(b.start_s, 45.0, b.freq_ppb) for b in blocks(-150.0)]) is None
    assert fit([Block(b.start_s, b.celsius, b.freq_ppb, run=k) for k, b in enumerate(blocks(-150.0))]) is None


def test_far_outside_it_keeps_its_value() -> None:
    model = ThermalModel(45.0, -100.0, 0.0, 40.0, 50.0, 0.9, 0.01, 300)
    assert model.ppb(52.0) == model.ppb(90.0) == -700.0


def test_pulses_and_sensors_become_blocks() -> None:
    warmth = Warmth()
    for n in range(30 * BLOCK_S):
        if n % 60 == 0:
            for sensor in ("soc", *(f"other-{k}" for k in range(20))):
                warmth.on_temperature(RawNs(n * NS), sensor, 40.0 + n / 1_000.0)
            warmth.on_temperature(RawNs(n * NS), "soc", math.nan)
        late = 5_000_000 if n % 500 == 0 else 0
        if not 3_000 < n < 3_200:
            warmth.on_pulse(RawNs(n * NS + round(2_500.0 * n) + late), n)
    assert len(warmth.blocks) == SENSORS
    found = list(warmth.blocks["soc"])
    assert len(found) >= 20
    assert all(block.freq_ppb == pytest.approx(2_500.0, abs=1.0) for block in found)
    assert found[0].celsius == pytest.approx(40.15, abs=0.05)
    assert warmth.best() is None


def blocks_on_a_ramp(every_s: int, c_per_s: float = 0.002) -> Warmth:
    """A temperature that rises by 7 C an hour, read now and then."""
    warmth = Warmth()
    for n in range(20 * BLOCK_S):
        if n % every_s == 7:
            warmth.on_temperature(RawNs(n * NS), "soc", 40.0 + c_per_s * n)
        warmth.on_pulse(RawNs(n * NS), n)
    return warmth


@pytest.mark.parametrize("every_s", [10, 60, 290, 700])
def test_a_block_has_the_temperature_of_its_middle(every_s: int) -> None:
    """However seldom the sensor is read: the mean of what was read within it would be of half an interval before."""
    found = list(blocks_on_a_ramp(every_s).blocks["soc"])
    assert len(found) >= 16
    for block in found[1:]:
        assert block.celsius == pytest.approx(40.0 + 0.002 * (block.start_s + BLOCK_S / 2), abs=0.005)


def test_loads_that_come_within_a_block_do_not_look_larger_than_they_are() -> None:
    """5 C more at once, at any time: the slope of a phase beside a plain mean of the temperature would give 15 % too much."""
    draw, warmth, z, warm, until = random.Random(3), Warmth(), 0.0, 0.0, 0.0
    for n in range(12 * 3600):
        if n >= until:
            warm, until = 5.0 - warm, n + draw.uniform(400.0, 3000.0)
        z += -150.0 * warm
        if n % 10 == 0:
            warmth.on_temperature(RawNs(n * NS), "soc", 40.0 + warm)
        warmth.on_pulse(RawNs(n * NS + round(z + draw.gauss(0.0, 300.0))), n)
    found = warmth.best()
    assert found is not None
    assert found[1].ppb(45.0) - found[1].ppb(40.0) == pytest.approx(-750.0, rel=0.02)
    assert found[1].gain > 0.98


def test_a_sensor_that_fell_silent_gives_no_blocks() -> None:
    assert "soc" not in blocks_on_a_ramp(1000).blocks
    warmth = blocks_on_a_ramp(60)
    before = len(warmth.blocks["soc"])
    for n in range(20 * BLOCK_S, 40 * BLOCK_S):
        warmth.on_pulse(RawNs(n * NS), n)
    assert len(warmth.blocks["soc"]) <= before + 1
    warmth.on_temperature(RawNs(40 * BLOCK_S * NS), "soc", 50.0)
    assert len(warmth.blocks["soc"]) <= before + 1


def test_readings_without_pulses_are_not_kept_for_ever() -> None:
    warmth = Warmth()
    warmth.on_pulse(RawNs(0), 0)
    for n in range(5 * READINGS):
        warmth.on_temperature(RawNs(n * NS), "soc", 40.0)
    assert len(warmth._readings["soc"]) == READINGS


# ---- chrony's tempcomp -----------------------------------------------------------------------------------------------------------

MODEL = ThermalModel(45.2, -150.0, -2.0, 40.3, 52.4, 0.9, 0.01, 300)


def test_the_points_go_round_and_end_without_an_empty_line() -> None:
    text = tempcomp.write(tempcomp.points(MODEL))
    assert text.endswith("\n")
    assert "" not in text.splitlines()
    back = tempcomp.read(text)
    assert tempcomp.write(back) == text
    for celsius in (40.3, 44.4, 50.25):
        assert tempcomp.at(back, 1e3 * celsius) == pytest.approx(-1e-3 * MODEL.ppb(celsius), abs=1e-3)


def test_beyond_what_was_seen_the_points_end_flat() -> None:
    """chronyd goes on as between the last two: a slope there would go on without end."""
    some = tempcomp.points(MODEL)
    assert some[0][1] == some[1][1] == tempcomp.at(some, 0.0) == tempcomp.compensation_ppm(MODEL, -40.0)
    assert some[-1][1] == some[-2][1] == tempcomp.at(some, 100_000.0) == tempcomp.compensation_ppm(MODEL, 100.0)
    assert some[2][1] != some[1][1]
    assert tempcomp.at(some, 1e3 * (MODEL.high_c + 1.5)) == pytest.approx(-1e-3 * MODEL.ppb(MODEL.high_c + 1.5), abs=1e-3)


def test_what_warms_and_loses_is_made_to_gain() -> None:
    """A clock that loses when it is warm needs more."""
    assert tempcomp.compensation_ppm(MODEL, 50.0) > 0.0 > tempcomp.compensation_ppm(MODEL, 41.0)


def test_the_line_says_the_same_as_the_model() -> None:
    words = tempcomp.line(MODEL, "/sys/x").split()
    assert words[:3] == ["tempcomp", "/sys/x", "30"]
    t0, k0, k1, k2 = map(float, words[3:])
    for celsius in (41.0, 48.5):
        d = 1e3 * celsius - t0
        assert k0 + k1 * d + k2 * d * d == pytest.approx(-1e-3 * MODEL.ppb(celsius), abs=1e-4)


@pytest.mark.parametrize(
    "bad", ["40000 1\n41000 1\n\n", "40000 1\n", "", "40000 1\n40000 2\n", "40000 1\n41000 x\n", "1 2\n2 11\n"]
)
def test_what_chronyd_would_not_start_with_is_refused(bad: str) -> None:
    with pytest.raises(UsageError):
        tempcomp.read(bad)


def test_a_measured_file_of_a_pi_5_goes_round_and_a_model_through_it_fits(shared_data: Path) -> None:
    some = tempcomp.read((shared_data / "clocks/pi5-tempcomp/tempcomp_v1_24012024.txt").read_text("ascii"))
    assert len(some) == 61
    assert [(round(t), ppm) for t, ppm in tempcomp.read(tempcomp.write(some))] == [
        (round(t), pytest.approx(ppm, abs=1e-6)) for t, ppm in some
    ]
    model = fit([Block(300.0 * k, t / 1e3, -1e3 * ppm) for k, (t, ppm) in enumerate(some)])
    assert model is not None
    assert model.helps
    flat = some[0][1]
    worst = max(
        abs(tempcomp.compensation_ppm(model, t / 1e3) - tempcomp.compensation_ppm(model, some[0][0] / 1e3) - (ppm - flat))
        for t, ppm in some
    )
    assert worst < 0.15
