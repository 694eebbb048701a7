"""`gpstime rtc trim` on simulated chips: closer to zero and never farther, the old value kept, what was done seen and undone."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from rtc_benches import bench, truth

from gpstime.app import rtc_trim
from gpstime.app.rtc_measure import measure_chip
from gpstime.app.rtc_trim import Known, Verified, apply, known_rate, propose, undo, verify
from gpstime.errors import DeviceError, UsageError
from gpstime.sim.chips import CHIPS
from gpstime.times import NS

TRIMMED = [name for name in CHIPS if name not in ("ds1307", "ds1338", "pcf8563")]


@pytest.mark.parametrize("name", TRIMMED)
def test_closer_and_never_farther(name: str) -> None:
    """Forty errors for each chip, known to some hundredths or to some ppm: the simulated crystal itself says what became of it."""
    rng = random.Random(20261124)
    closer = 0
    for _ in range(40):
        ppm = rng.choice((rng.uniform(-2, 2), rng.uniform(-20, 20), rng.uniform(-150, 150)))
        pm = rng.choice((0.003, 0.05, 2.0))
        seen = ppm + rng.uniform(-pm, pm)
        b = bench(name, "--rtc-ppm", str(ppm))
        before = truth(b).mean_ppm
        assert before == pytest.approx(ppm)
        proposal = propose(b, Known(seen, seen - pm, seen + pm, 0, "said"))
        if not proposal.plan.worth:
            continue
        assert apply(b, proposal).taken
        b.time.sleep(200)  # a conversion of temperature, an EEPROM
        after = truth(b).mean_ppm
        assert abs(after) <= abs(before) + 1e-9, (ppm, pm, proposal.plan)
        closer += abs(after) < abs(before)
        if pm < 0.01 and proposal.spec.lo < proposal.plan.value < proposal.spec.hi:
            assert abs(after) <= proposal.spec.ppm_per_step / 2 + 0.01 + abs(ppm) * proposal.spec.step_error / 10
    assert closer >= 10


@pytest.mark.parametrize("name", ["ds3231", "pcf8523", "rv3028", "mcp7940n"])
def test_the_other_sign_would_make_it_worse_and_be_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: with the register's sign turned round the chip gets farther off, verification says so, and undo puts it right."""
    b = bench(name, "--rtc-ppm", "23.0")
    spec = b.chip.trim_spec
    assert spec is not None
    turned = replace(spec, positive="faster" if spec.positive == "slower" else "slower")
    monkeypatch.setattr(type(b.chip), "trim_spec", property(lambda self: turned))
    proposal = propose(b, Known(23.0, 22.99, 23.01, 0, "said"))
    assert apply(b, proposal).taken
    b.time.sleep(200)
    assert truth(b).mean_ppm > 30
    found = verify(b, 900)
    assert isinstance(found, Verified)
    assert found.verdict is not None
    assert found.verdict.word == "farther"
    assert found.undo_to == 0
    assert undo(b).taken
    b.time.sleep(200)
    assert truth(b).mean_ppm == pytest.approx(23.0)


@pytest.mark.parametrize(("name", "ppm"), [("ds3231", 4.2), ("pcf8523", 106.9), ("mcp7940n", -28.0), ("rv3028", 3.8)])
def test_the_whole_way(name: str, ppm: float) -> None:
    b = bench(name, "--rtc-ppm", str(ppm))
    written = len(b.bus.written)
    measured = measure_chip(b, 1800)
    proposal = propose(b)
    assert len(b.bus.written) == written, "nothing is written before it is applied"
    assert measured.ppm == pytest.approx(ppm, abs=0.05)
    assert proposal.known.whence.startswith("measured 2026-03-01T")
    done = apply(b, proposal)
    assert done.taken
    entry = b.history.last("trimmed")
    assert entry is not None
    assert (entry.whole("old"), entry.whole("new")) == (0, proposal.plan.value)
    found = verify(b, 1800)
    assert isinstance(found, Verified)
    assert found.verdict is not None
    assert found.verdict.word == "confirmed"
    assert found.rate.lo_ppm - 0.01 <= truth(b).mean_ppm <= found.rate.hi_ppm + 0.01
    assert found.sets == (), "the pulses of a trim are nobody's set"
    # the next proposal goes by what was verified, and has nothing to do
    again = propose(b)
    assert again.known.whence.startswith("verified")
    assert abs(again.plan.value - again.current) <= 1
    assert undo(b).taken
    assert b.chip.read_trim() == 0
    with pytest.raises(UsageError, match="nothing to undo"):
        undo(b)


def test_a_rate_without_regard_to_cycles_would_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of verification over whole cycles: an hour of a two-hour cycle says something else by many steps."""
    b = bench("pcf8523", "--rtc-ppm", "106.9")
    assert apply(b, propose(b, Known(106.9, 106.8, 107.0, 0, "said"))).taken
    honest = verify(b, 3600)
    assert isinstance(honest, Verified)
    assert honest.rate.span_s == 7200
    spec = b.chip.trim_spec
    assert spec is not None
    hasty = replace(spec, cycle_s=60.0, settles_s=0.0)
    monkeypatch.setattr(rtc_trim, "spec_of", lambda bench: hasty)
    wrong = verify(b, 3600)
    assert isinstance(wrong, Verified)
    mean = truth(b).mean_ppm
    assert abs(honest.rate.ppm - mean) < 0.1
    assert abs(wrong.rate.ppm - mean) > 10


def test_a_chip_that_does_not_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-R15's worse brother: the register stays what it was. Said, and the history knows that it never took effect."""
    b = bench("ds3231", "--rtc-ppm", "3.0")
    monkeypatch.setattr(type(b.fake), "_set", lambda self, register, value: None)
    done = apply(b, propose(b, Known(3.0, 2.9, 3.1, 0, "said")))
    assert not done.taken
    assert "did not take 30" in done.why
    entry = b.history.last("trimmed", "undone")
    assert entry is not None
    assert entry.what == "undone"
    with pytest.raises(UsageError, match="nothing to undo"):
        undo(b)


def test_no_history_no_write(tmp_path: Path) -> None:
    """Without the old value on the disk there would be no undo."""
    b = bench("ds3231", "--state", str(tmp_path / "box"), "--rtc-ppm", "3.0")
    (tmp_path / "box").write_text("a file where the folder should be")
    written = len(b.bus.written)
    with pytest.raises(DeviceError, match="--state"):
        apply(b, propose(b, Known(3.0, 2.9, 3.1, 0, "said")))
    assert len(b.bus.written) == written
    assert b.chip.read_trim() == 0


def test_nothing_known_and_no_register() -> None:
    with pytest.raises(UsageError, match="gpstime rtc measure"):
        propose(bench("ds3231"))
    with pytest.raises(UsageError, match="no trim register"):
        propose(bench("ds1307"))
    b = bench("ds3231")
    b.history.add("measured", "", ppm=1.0, lo=0.9, hi=1.1, trim=5)
    with pytest.raises(UsageError, match="with 0 in its trim register is not known"):
        known_rate(b.history, 0)


def test_who_writes_the_register_meanwhile_is_named() -> None:
    b = bench("ds3231", "--rtc-ppm", "3.0")
    b.fake.plan(500 * NS, lambda: b.fake.poke(0x10, 7))
    found = verify(b, 900)
    assert isinstance(found, str)
    assert "somebody wrote the trim register" in found
    assert b.history.last("verified") is None


@pytest.mark.parametrize("name", ["rv8803", "mcp7940n"])
def test_somebody_sets_the_chip_during_a_verification(name: str) -> None:
    """Cut out, and named: the frequency is that of the longest stretch nobody touched."""
    b = bench(name, "--rtc-ppm", "5.0", "--rtc-offset", "0.2s")
    assert apply(b, propose(b, Known(5.0, 4.99, 5.01, 0, "said"))).taken
    b.fake.plan(3000 * NS, lambda: b.fake._reset_divider(0.0))
    found = verify(b, 7200)
    assert isinstance(found, Verified)
    assert len(found.sets) == 1
    assert "somebody set" in found.sets[0]
    assert abs(found.rate.ppm - truth(b).mean_ppm) < 0.1
    assert 3600 < found.rate.span_s < 5000
