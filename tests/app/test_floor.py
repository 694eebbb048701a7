"""The lower bound of time: what a wrong future date in the record may do to the next start."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from gpstime.app import catalogue
from gpstime.app.config import parse
from gpstime.app.daemon import Fitted
from gpstime.app.floor import BUILT, floor
from gpstime.app.live import LiveTime
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.drivers.adjtimex import layout, read_steering
from gpstime.drivers.board import kernel_rtc
from gpstime.drivers.steering import SteeringWatch
from gpstime.model import Label, Offset
from gpstime.sim.machine import FakeMachine
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.record import Record
from gpstime.times import NS, UtcTime

NOW = UtcTime.civil(2027, 5, 1)
PAST, SOON, FAR = UtcTime.civil(2027, 4, 30), UtcTime.civil(2027, 6, 20), UtcTime.civil(2046, 12, 1)
LOST = UtcTime.civil(2000, 1, 1)


@pytest.mark.parametrize(
    ("record", "system", "synchronized", "rtc", "used"),
    [
        (PAST, NOW, True, None, True),
        (PAST, LOST, False, None, True),  # a Pi that starts without a clock
        (SOON, PAST, False, None, True),  # the fake clock of the last shutdown: who knows
        (SOON, NOW, True, None, False),
        (UtcTime.from_unix(NOW.unix + 61 * NS), NOW, True, None, False),
        (UtcTime.from_unix(NOW.unix + 59 * NS), NOW, True, None, True),
        (SOON, LOST, False, NOW, False),
        (PAST, LOST, False, UtcTime.civil(2027, 4, 20), True),  # an RTC that loses minutes a month
        (SOON, LOST, False, LOST, True),  # an RTC that lost its time says nothing
        (FAR, LOST, False, LOST, False),  # 1024 weeks too late
        (UtcTime.civil(2036, 1, 1), LOST, False, None, True),
        (FAR, FAR, True, None, True),  # it is that late already
    ],
)
def test_the_records_last_second_is_used_if_no_better_clock_contradicts(record, system, synchronized, rtc, used) -> None:
    bound, why = floor(record, system, synchronized, rtc)
    assert bound == (record if used else BUILT)
    assert record.iso() in why
    assert ("is not used" in why) != used


def test_without_a_record_or_with_an_old_one_it_is_the_releases_day() -> None:
    assert floor(None, NOW, True, None) == (BUILT, "")
    assert floor(UtcTime.civil(2024, 1, 1), NOW, True, None) == (BUILT, "")


def test_the_kernels_clock_chip(tmp_path: Path) -> None:
    assert kernel_rtc(tmp_path) is None
    (tmp_path / "sys/class/rtc/rtc0").mkdir(parents=True)
    (tmp_path / "sys/class/rtc/rtc0/since_epoch").write_text(f"{NOW.unix // NS}\n")
    assert kernel_rtc(tmp_path) == NOW


def recorded(folder: Path, start: UtcTime, seconds: int) -> None:
    """A run of the service that named seconds, right or wrong."""
    world = SimWorld(Scenario(seed=3, duration_s=seconds, start=start))
    record, engine = Record(folder, world.head, commit_s=20.0), Engine(BUILT_IN.table)
    for event in world.events():
        record(event)
        for finding in engine.on(event)[0]:
            record(finding)
    record.close()
    assert engine.pairing.label is Label.OK


def started(folder: Path, now: UtcTime, synchronized: bool) -> Fitted:
    machine = FakeMachine(real=now.unix)
    machine.status = 0 if synchronized else machine.status
    timex = layout(ctypes.c_long)
    watch = SteeringWatch(lambda: read_steering(machine.adjtimex, timex), tuple)
    config = parse(f'[record]\nfolder = "{folder}"\n', "test")
    fitted = catalogue.fit(config, LiveTime(machine), clocks=machine, steering=watch)
    for close in fitted.closing:
        close()
    return fitted


def test_after_a_run_with_a_wrong_future_date_true_dates_are_not_refused(tmp_path: Path) -> None:
    """19.6 years too late; then the receiver is right again. The control: with that bound the true seconds are lost."""
    recorded(tmp_path, FAR, 120)
    for synchronized in (True, False):
        fitted = started(tmp_path, NOW, synchronized)
        assert fitted.not_before == BUILT
        assert any("2046-12-01" in line and "is not used" in line for line in fitted.said)
    named = {}
    for bound in (fitted.not_before, FAR):
        engine = Engine(BUILT_IN.table, bound)
        for event in SimWorld(Scenario(seed=4, duration_s=120, start=NOW)).events():
            found = engine.on(event)[0]
            named[bound] = next((f.second for f in found if isinstance(f, Offset)), named.get(bound))
    assert named[BUILT] == UtcTime.from_unix(NOW.unix + 119 * NS)
    assert named[FAR] is None or named[FAR].day > NOW.day + 7000, "taken for a date before a rollover: wrong by 19.6 years again"


def test_a_good_record_bounds_the_next_start_and_that_is_said(tmp_path: Path) -> None:
    recorded(tmp_path, PAST, 120)
    fitted = started(tmp_path, LOST, False)
    assert fitted.not_before == UtcTime.from_unix(PAST.unix + 119 * NS)
    assert fitted.head["not_before"] == fitted.not_before.iso()
    assert any(line.startswith("time is not before 2027-04-30T00:01:59Z") for line in fitted.said)


def test_a_label_of_a_few_seconds_bounds_nothing(tmp_path: Path) -> None:
    recorded(tmp_path, SOON, 35)
    assert started(tmp_path, LOST, False).not_before == BUILT
    recorded(tmp_path, SOON, 70)
    assert started(tmp_path, LOST, False).not_before == UtcTime.from_unix(SOON.unix + 69 * NS)
