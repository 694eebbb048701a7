"""`gpstime rtc boot`: the truth is inside the bound, dry by default, and no test and no simulation reaches this machine's clock."""

from __future__ import annotations

from pathlib import Path

import pytest
from rtc_benches import bench, truth

from gpstime.app.rtc_boot import boot, known_of, wander_ppm
from gpstime.app.rtc_compare import compare
from gpstime.app.rtc_measure import measure_chip
from gpstime.app.rtc_set import set_chip
from gpstime.app.rtc_sim import SimBench
from gpstime.app.rtc_trim import Known, apply, propose
from gpstime.drivers import clock_set
from gpstime.drivers.clock_set import MachineClock
from gpstime.errors import DeviceError, DeviceForbidden
from gpstime.sim.chips import CHIPS
from gpstime.store.rtc_history import History
from gpstime.times import NS, RawNs, UnixNs

DAY_S = 86_400


@pytest.fixture(autouse=True)
def _never_this_machines_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the clock of this machine")

    monkeypatch.setattr(clock_set.time, "clock_settime", refuse)
    monkeypatch.setattr(clock_set.time, "clock_settime_ns", refuse)


def known_bench(name: str, ppm: float, *words: str) -> SimBench:
    """Measured for an hour, then compared: what a service leaves behind."""
    b = bench(name, "--rtc-ppm", str(ppm), *words)
    assert measure_chip(b, 3600).ppm is not None
    compare(b)
    return b


@pytest.mark.parametrize("name", ["ds3231", "pcf8523", "ds1307", "rv8803", "mcp7940n"])
@pytest.mark.parametrize("days", [0.1, 30])
def test_the_truth_is_inside_the_bound(name: str, days: float) -> None:
    """After a month without GPS; a chip that gains 80 ppm is 3.5 minutes ahead by then."""
    b = known_bench(name, 80.0 if name != "ds3231" else -1.7)
    b.time.sleep(days * DAY_S)
    found = boot(b, act=False)
    assert found.found is not None
    true = b._start.unix + b.time.true_ns(found.at)
    error = abs(found.found.unix - true)
    assert error <= found.found.bound_ns
    assert found.found.bound_ns < (wander_ppm(name) + 1) * 1e-6 * (days * DAY_S + 4000) * NS + 2e6
    # the twin: uncorrected it is far outside of what its ppm justifies
    if days > 1 and name != "ds3231":
        assert abs(found.shown.unix - true) > found.found.bound_ns
    assert not found.done


def test_a_trim_in_pulses_widens_the_bound() -> None:
    """In the middle of a cycle the chip is off its own mean rate by up to a cycle's pulses."""
    b = bench("pcf8523", "--rtc-ppm", "106.9")
    assert apply(b, propose(b, Known(106.9, 106.8, 107.0, 0, "said"))).taken
    b.time.sleep(7200)
    assert measure_chip(b, 7200).ppm is not None
    compare(b)
    for hours in (0.4, 1.1, 1.7, 9.3):
        b.time.sleep(hours * 3600)
        found = boot(b, act=False)
        assert found.found is not None
        true = b._start.unix + b.time.true_ns(found.at)
        assert abs(found.found.unix - true) <= found.found.bound_ns


def test_applied_in_the_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulated board boots with a clock that is an hour wrong: set once, then left alone."""
    b = known_bench("ds3231", 1.0, "--system-offset=-3600s")
    dry = boot(b, act=False)
    assert dry.clock_off_ns is not None
    assert dry.clock_off_ns == pytest.approx(-3600e9, abs=1e9)
    assert b.clock()[1] < b.true_unix - 3000 * NS, "dry: nothing was set"
    done = boot(b, act=True)
    assert done.done
    assert done.found is not None
    assert abs(b.clock()[1] - b.true_unix) <= done.found.bound_ns + NS // 1000
    again = boot(b, act=True)
    assert not again.done
    assert "left alone" in again.note


def test_no_time_to_be_had() -> None:
    fresh = bench("ds3231")
    assert "nothing is known" in boot(fresh, act=True).why_not
    lost = known_bench("ds3231", 1.0)
    lost.fake.poke(0x0F, 0x88)  # OSF
    found = boot(lost, act=True)
    assert found.found is None
    assert "lost power" in found.why_not
    assert not found.done
    trimmed = known_bench("ds3231", 1.0)
    trimmed.fake.poke(0x10, 5)
    assert "trim register holds 5" in boot(trimmed, act=True).why_not


@pytest.mark.parametrize("name", ["mcp7940n", "ds1307"])
def test_a_chip_that_stands_still_is_not_waited_for(name: str) -> None:
    b = bench(name, "--rtc-untrusted")
    before = b.time.at
    found = boot(b, act=True)
    assert "lost power or its oscillator stopped" in found.why_not
    assert "oscillator is stopped" in found.why_not
    assert b.time.at - before < NS
    with pytest.raises(DeviceError, match="stands still"):
        compare(b)


def test_a_change_of_the_trim_makes_older_comparisons_worthless() -> None:
    b = known_bench("ds3231", 3.0)
    assert apply(b, propose(b)).taken
    assert "nothing is known" in boot(b, act=False).why_not
    assert measure_chip(b, 1800).ppm is not None
    assert set_chip(b).within
    found = boot(b, act=False)
    assert found.found is not None
    assert abs(truth(b).mean_ppm) < 0.2


def test_what_the_history_must_hold() -> None:
    history = History(None, "x")
    assert known_of(history, "ds3231") is None
    history.add("compared", "", shown_s=1_772_366_400, ahead_ns=5, err_ns=7, trim=0)
    assert known_of(history, "ds3231") is None
    history.add("measured", "", ppm=1.0, lo=0.9, hi=1.1, trim=3)
    assert known_of(history, "ds3231") is None, "a rate with another trim"
    history.add("measured", "", ppm=1.0, lo=0.9, hi=1.1, trim=0)
    known = known_of(history, "ds3231", saw_ns=100)
    assert known is not None
    assert (known.ahead_ns, known.ahead_err_ns) == (5, 107)
    history.add("compared", "", shown_s="damaged", ahead_ns=5, err_ns=7, trim=0)
    assert known_of(history, "ds3231") is None
    assert set(CHIPS) >= {"ds3231", "rv8803"}
    assert wander_ppm("ds3231") < wander_ppm("ds3231m") < wander_ppm("ds1307")


# ---- the real setter, with the system call replaced -----------------------------------------------------------------------------


def test_the_real_setter(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(clock_set.time, "clock_settime_ns", lambda clock, ns: told.append((clock, ns)))
    monkeypatch.setattr(
        clock_set.time, "clock_gettime_ns", lambda clock: 5000 if clock == clock_set.time.CLOCK_MONOTONIC_RAW else 0
    )
    MachineClock().set(UnixNs(1_772_366_400 * NS), RawNs(2000))
    assert told == [(clock_set.time.CLOCK_REALTIME, 1_772_366_400 * NS + 3000)]


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (PermissionError(1, "Operation not permitted"), DeviceForbidden, "CAP_SYS_TIME"),
        (OSError(22, "Invalid argument"), DeviceError, "Invalid"),
    ],
)
def test_the_real_setter_refused(monkeypatch: pytest.MonkeyPatch, error: OSError, kind: type[DeviceError], says: str) -> None:
    def refuse(clock: int, ns: int) -> None:
        raise error

    monkeypatch.setattr(clock_set.time, "clock_settime_ns", refuse)
    with pytest.raises(kind, match=says):
        MachineClock().set(UnixNs(0), RawNs(0))


def test_only_boot_reaches_the_setter() -> None:
    """One line of the package imports it, and that line is reached by `set_clock` alone."""
    root = Path(__file__).resolve().parents[2] / "gpstime"
    files = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in root.rglob("*.py")}
    assert [name for name, text in files.items() if "clock_set import" in text] == ["app/rtc_live.py"]
