"""`gpstime measure --rtc`: both crystals on one timeline, the truth in both intervals; what happens to the chip is seen and named.

The real driver on the fake chip on the fake bus, the engine as it is; each protection has its twin with the protection off.
"""

from __future__ import annotations

import io
import json

import pytest

from gpstime.app.journal import Journal
from gpstime.app.rtc_result import RtcResult, RtcWatch
from gpstime.app.rtc_world import RtcWorld, SimChip
from gpstime.app.run import run
from gpstime.app.standing import Standing
from gpstime.cli import main
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.model import DeviceFound, DeviceLost, Event, Finding, Note, Offset, RtcBreak, RtcReading, Temperature
from gpstime.report.status import as_text
from gpstime.sim.scenario import Scenario


class Ran:
    """A simulated run with a chip; `detect` False: nothing that happens to the chip is noticed."""

    def __init__(
        self, chip: SimChip, lasts_s: int = 3600, faults: tuple[str, ...] = (), detect: bool = True, **board: object
    ) -> None:
        self.world = RtcWorld(Scenario(duration_s=lasts_s, faults=faults, **{"seed": 7} | board), chip)  # type: ignore[arg-type]
        self.engine = Engine(BUILT_IN.table, trim_of=self.world.source.trim_of)
        if not detect:
            self.engine.rtc.tracked(detect=False)
            self.engine._on[RtcReading] = self.engine._rtc
        self.values: list[Event | Finding] = []
        watch = RtcWatch(self.engine)
        run(self.world, self.engine, [watch, self.values.append])
        self.pulses = sum(isinstance(v, Offset) for v in self.values)
        found = watch.result("")
        assert found is not None
        self.rtc: RtcResult = found

    def breaks(self) -> list[str]:
        return [b.reason for b in self.rtc.breaks]

    def holds(self, times: float = 1.0) -> bool:
        """The chip's true rate lies in the interval of the mean, or in one `times` as wide (seeded runs are no coverage test)."""
        drift = self.rtc.drift
        assert drift is not None
        half = times * (drift.mean_hi_ppb - drift.mean_lo_ppb) / 2
        return abs(self.world.fake.truth.mean_ppm * 1e3 - (drift.mean_hi_ppb + drift.mean_lo_ppb) / 2) <= half


def measured(capsys: pytest.CaptureFixture[str], *options: str) -> dict:
    capsys.readouterr()
    assert main(["measure", "--world", "sim", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


# ---- both crystals ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "ppm"), [(1, 0.5), (2, -2.7), (3, 1.9)])
def test_both_crystals_and_the_truth_in_both_intervals(capsys: pytest.CaptureFixture[str], seed: int, ppm: float) -> None:
    """With one seed, from the command line to JSON."""
    o = measured(capsys, "--rtc", "ds3231", "--rtc-ppm", str(ppm), "--seed", str(seed), "--for", "2h")
    board = RtcWorld(Scenario(seed=seed, duration_s=7201), SimChip("ds3231", ppm))
    list(board.world.events())
    truth = board.truth.current_ppb()
    assert truth is not None
    assert o["freq_lo_ppb"] - 15 <= truth <= o["freq_hi_ppb"] + 15  # two minutes longer than the measurement: it wanders meanwhile
    r = o["rtc"]
    assert (r["status"], r["against"], r["via"], r["chip"], r["breaks"]) == ("ok", "gps", "bus", "ds3231", [])
    assert r["mean_freq_lo_ppb"] <= ppm * 1e3 <= r["mean_freq_hi_ppb"]
    assert r["freq_lo_ppb"] <= ppm * 1e3 <= r["freq_hi_ppb"]
    assert r["mean_freq_hi_ppb"] - r["mean_freq_lo_ppb"] < 15
    assert r["edge_half_ns"] < 500_000
    assert abs(r["offset_ns"] - ppm * 1e-6 * 7200e9) <= r["offset_err_ns"] + 1e6 * abs(ppm) * 0.02 + 300_000
    rows = r["timeline"]
    assert 10 <= len(rows) <= 24
    assert [row["t"] for row in rows] == sorted(row["t"] for row in rows)
    for row in rows[3:]:
        assert row["utc"].endswith("Z")
        assert row["freq_lo_ppb"] < row["freq_ppb"] < row["freq_hi_ppb"]
        assert row["rtc_freq_lo_ppb"] <= ppm * 1e3 <= row["rtc_freq_hi_ppb"]
        assert row["temperature_c"] == 25.0


def test_the_report_shows_both_on_one_timeline(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "--world", "sim", "--rtc", "ds3231", "--for", "20m", "--seed", "4"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("SIMULATED")
    assert "  RTC         ds3231, against the pulses, polled" in out
    line = next(line for line in out.splitlines() if line.startswith("  timeline"))
    assert " Pi " in line
    assert " RTC " in line


@pytest.mark.parametrize("name", ["ds3231", "pcf8523", "rv3028", "mcp7940n"])
def test_polling_and_the_output_agree(name: str) -> None:
    """The 1 Hz output timed like a second pulse: the same edges within their intervals, and the same frequency."""
    ran = Ran(SimChip(name, 3.0, sqw=True), 2400)
    bus, sqw = ran.rtc.bus, ran.rtc.sqw
    assert bus is not None
    assert bus.drift is not None
    assert sqw is not None
    assert sqw.drift is not None
    assert ran.rtc.via == "sqw"
    assert ran.rtc.compared > 25
    assert ran.rtc.agreed == ran.rtc.compared
    assert bus.drift.mean_lo_ppb <= sqw.drift.mean_hi_ppb
    assert sqw.drift.mean_lo_ppb <= bus.drift.mean_hi_ppb
    assert ran.holds()
    assert sqw.drift.mean_hi_ppb - sqw.drift.mean_lo_ppb < 0.1 * (bus.drift.mean_hi_ppb - bus.drift.mean_lo_ppb)
    assert ran.breaks() == []


def test_the_edge_costs_few_transactions() -> None:
    ran = Ran(SimChip("ds3231", 0.5), 4 * 3600)
    before = ran.rtc.readings
    assert before > 200
    assert len(ran.world.bus.log) / before < 9  # with the whole reading after each
    assert ran.rtc.half_ns is not None
    assert ran.rtc.half_ns < 300_000
    assert any(isinstance(v, Temperature) and v.sensor == "ds3231" for v in ran.values)


# ---- who sets it -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ppm", [3.2, -1.4])
def test_the_eleven_minute_writer_is_seen_and_its_twin_is_wrong(ppm: float) -> None:
    """F-R13, P19. The twin does not look for it: its interval is narrow, and nowhere near the truth."""
    chip, faults = SimChip("ds3231", ppm), ("rtc-rewrite", "chrony-slews")  # a kernel writes when its clock is disciplined
    seen = Ran(chip, 2 * 3600, faults)
    assert seen.world.kernel is not None
    assert len(seen.world.kernel.wrote) == 11
    assert seen.rtc.status == "rewritten"
    assert set(seen.breaks()) == {"kernel-rewrite"}
    assert len(seen.breaks()) >= 10
    assert "STA_UNSYNC" in seen.rtc.breaks[-1].why
    assert seen.holds(1.5)

    twin = Ran(chip, 2 * 3600, faults, detect=False)
    assert twin.breaks() == []
    assert not twin.holds(5)
    drift = twin.rtc.drift
    assert drift is not None
    assert abs(drift.mean_ppb - ppm * 1e3) > 5 * (drift.mean_hi_ppb - drift.mean_lo_ppb)
    assert abs(drift.mean_ppb) < 0.4 * abs(ppm * 1e3)  # it shows the system clock's rate, not its own


def test_no_writer_no_alarm() -> None:
    for seed in range(3):
        ran = Ran(SimChip("ds3231", 3.2), 2 * 3600, seed=seed)
        assert ran.breaks() == []
        assert ran.holds()


@pytest.mark.parametrize("ahead", ["0.25s", "-3s", "5ms"])
def test_a_set_by_anybody_else_is_named_and_its_twin_is_wrong(ahead: str) -> None:
    faults = (f"rtc-set:at=1500s,ahead={ahead}",)
    ran = Ran(SimChip("ds3231", 0.5), 3600, faults)
    assert ran.breaks() == ["set"]
    (found,) = ran.rtc.breaks
    ((_, jump),) = ran.world.written
    assert found.jump_ns is not None
    assert abs(found.jump_ns - jump) < 600_000
    assert "set by" in found.why
    assert ran.rtc.status == "disturbed"
    assert ran.holds()
    assert not Ran(SimChip("ds3231", 0.5), 3600, faults, detect=False).holds()


def test_a_temperature_jump_is_named_where_the_chip_has_a_thermometer() -> None:
    ran = Ran(SimChip("ds3231", 0.5), 3600, ("rtc-warm:at=1500s,by=12",))
    assert ran.breaks() == ["temperature-jump"]
    assert ran.rtc.celsius == (25.0, 37.0)
    assert "to 37.0 C" in ran.rtc.breaks[0].why
    assert 2 <= len(ran.rtc.stretches) <= 3


def test_a_temperature_jump_shows_in_the_rate_where_it_has_none() -> None:
    """A tuning fork that warms by 12 C loses 4.9 ppm (F-R02): the stretch before is not mixed with the one after."""
    ran = Ran(SimChip("ds1307", 4.0), 3600, ("rtc-warm:at=1500s,by=12",))
    assert ran.breaks()[0] == "rate-change"
    first, last = ran.rtc.stretches[0].drift, ran.rtc.stretches[-1].drift
    assert first is not None
    assert last is not None
    assert abs(first.mean_ppb - 4000.0) < 1.5 * (first.mean_hi_ppb - first.mean_lo_ppb) / 2  # seeded: this is no coverage test
    assert last.freq_lo_ppb <= 4000.0 - 34.0 * 144 <= last.freq_hi_ppb


# ---- trims that act in pulses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "trim", "lasts_s"),
    [("pcf8523", 4, 3 * 3600), ("pcf8523", -3, 3 * 3600), ("mcp7940n", -20, 5400), ("mcp7940n", 35, 5400)],
)
def test_pulses_of_a_trim_are_no_sets(name: str, trim: int, lasts_s: int) -> None:
    ran = Ran(SimChip(name, 20.0, trim=trim), lasts_s)
    assert ran.breaks() == []
    assert ran.holds()
    assert ran.rtc.trim == trim
    if name == "pcf8523":
        assert sum(s.pulses for s in ran.rtc.stretches) >= abs(trim)


def test_a_trim_whose_pulses_nobody_knows_of_would_be_taken_for_sets() -> None:
    """The control of the test before: without the chip's `TrimSpec` each pulse of 31 ms breaks the run."""
    ran = Ran(SimChip("pcf8523", 20.0, trim=4), 1800)
    assert ran.breaks() == []
    blind = Engine(BUILT_IN.table)
    world = RtcWorld(Scenario(seed=7, duration_s=1800), SimChip("pcf8523", 20.0, trim=4))
    found: list[RtcBreak] = []
    run(world, blind, [lambda v: found.append(v) if isinstance(v, RtcBreak) else None])
    assert found


def test_a_trim_register_that_somebody_writes_ends_the_stretch() -> None:
    world = RtcWorld(Scenario(seed=7, duration_s=3600), SimChip("ds3231", 5.0))
    world._plan(1500e9, lambda: world.chip.write_trim(40))
    engine = Engine(BUILT_IN.table, trim_of=world.source.trim_of)
    run(world, engine, [])
    assert [b.reason for b in engine.rtc.track.breaks] == ["trim-changed"]
    assert "from 0 to 40" in engine.rtc.track.breaks[0].why
    first = engine.rtc.track.bus.chain.stretches[0].drift()
    assert first is not None
    assert first.mean_lo_ppb <= 5000.0 <= first.mean_hi_ppb


# ---- errors never reach the pulse ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("rtc-gone:at=600s,for=300s", "UNAVAILABLE"),
        ("rtc-held:at=600s,for=300s", "busy"),
        ("rtc-gone:at=0s,for=120s", "look at the wiring"),
        ("rtc-errors:rate=0.05", ""),
    ],
)
def test_an_rtc_error_stops_neither_pulse_nor_sentences(fault: str, says: str) -> None:
    """P26, F-R11, F-R12, F-R16: the loss is one event with hints, the return another; every pulse is there as without a chip."""
    plain = Ran(SimChip("ds3231", 0.5), 1800)
    ran = Ran(SimChip("ds3231", 0.5), 1800, (fault,))
    assert ran.pulses == plain.pulses
    assert ran.engine.pairing.label is plain.engine.pairing.label
    lost = [v for v in ran.values if isinstance(v, DeviceLost)]
    found = [v for v in ran.values if isinstance(v, DeviceFound)]
    assert len(lost) == (1 if says else 0)
    assert len(found) == (1 if "at=0s" in fault else len(lost) + 1)
    for loss in lost:
        assert loss.source == "rtc"
        assert says in loss.reason
    assert ran.holds()
    assert ran.rtc.lost == ""
    assert ran.breaks() == []


def test_a_chip_that_stays_away_is_a_status() -> None:
    ran = Ran(SimChip("ds3231", 0.5), 900, ("rtc-gone:at=0s,for=2h",))
    assert ran.rtc.status == "no-readings"
    assert "UNAVAILABLE" in ran.rtc.why
    assert ran.engine.drift.estimate(ran.world.now) is not None


@pytest.mark.parametrize("ppm", [83_000.0, -34_000.0])
def test_what_is_no_clock_is_said_and_not_measured(ppm: float) -> None:
    """F-R08, F-R09."""
    ran = Ran(SimChip("ds3231", ppm), 900)
    assert ran.rtc.status == "no-readings"
    notes = [v.text for v in ran.values if isinstance(v, Note) and v.text.startswith("rtc:")]
    assert len(notes) == 1
    assert "no clock's crystal is that far off" in notes[0]


def test_an_untrusted_chip_is_measured_and_called_so() -> None:
    """F-R03: its rate is a rate; its time is nothing. It holds none at all, so there is no edge with a name."""
    ran = Ran(SimChip("ds3231", 0.5, trusted=False), 1200)
    assert ran.rtc.trusted is not True
    assert ran.engine.pairing.label.value == "ok"


# ---- the service -----------------------------------------------------------------------------------------------------------------


def test_status_and_log_of_the_service_tell_of_both() -> None:
    world = RtcWorld(Scenario(seed=7, duration_s=2400, faults=("rtc-set:at=1500s",)), SimChip("ds3231", 3.0))
    engine = Engine(BUILT_IN.table, trim_of=world.source.trim_of)
    standing, out = Standing(engine, world.world.raw_start, {}), io.StringIO()
    journal = Journal(standing, 3600.0, out, {})
    assert standing.as_object(world.world.raw_start)["rtc"] is None
    run(world, engine, [standing, journal])
    status = json.loads(json.dumps(standing.as_object(world.now)))
    r = status["rtc"]
    assert (r["chip"], r["against"], r["via"], r["breaks"], r["last_break"]) == ("ds3231", "gps", "bus", 1, "set")
    assert r["freq_lo_ppb"] <= 3000.0 <= r["freq_hi_ppb"]
    assert abs(r["offset_ns"] - 0.25e9) < 3e7  # from a system clock that runs free
    shown = as_text(status)
    assert "rtc           ds3231: +" in shown  # the line is wrapped
    assert "disturbed 1 times, last: set" in " ".join(shown.split())
    said = [line for line in out.getvalue().splitlines() if "rtc: set: it was set by +2" in line]
    assert len(said) == 1
