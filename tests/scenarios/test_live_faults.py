"""Every fault of the catalogue (F-N, F-P, F-C) that reaches a driver, on made-up devices under the real drivers.

The twin of each run is the same world given to the engine directly. What must hold always: no second is ever named wrong, and the
devices' way finds what the straight way finds; what else must be seen of a fault, in state and message, stands in the table.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest
from conductor import LiveBoard

from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.model import ClockStep, DeviceFound, DeviceLost, Event, Finding, Kind, Label, Note, Offset
from gpstime.sim.faults import FAULTS
from gpstime.times import NS, UtcTime

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 240


@dataclass
class Ran:
    """The run through the drivers (`engine`, `values`) and its twin (`straight`, `twins`)."""

    board: LiveBoard
    engine: Engine
    values: list[Event | Finding]
    straight: Engine
    twins: list[Finding]

    @cached_property
    def said(self) -> str:
        return " | ".join(v.text for v in self.values if isinstance(v, Note))

    @property
    def steps(self) -> list[int]:
        return [v.step_ns for v in self.values if isinstance(v, ClockStep)]

    @property
    def devices(self) -> list[tuple[str, bool]]:
        """(source, there) of what came and went, in order, without the first coming of each; why it is away may be told twice."""
        seen, out = set(), list[tuple[str, bool]]()
        for v in self.values:
            if isinstance(v, (DeviceFound, DeviceLost)):
                change = (v.source, isinstance(v, DeviceFound))
                if v.source in seen and out[-1:] != [change]:
                    out.append(change)
                seen.add(v.source)
        return out

    def rejects(self, reason: str, within: float = 0.1) -> bool:
        """Rejected as often as on the straight way, and often."""
        mine, theirs = self.engine.rejected[reason], self.straight.rejected[reason]
        return theirs > 0 and abs(mine - theirs) <= 2 + within * theirs

    def wrong(self, found: list[Event | Finding] | list[Finding]) -> list[str]:
        """Seconds that are not those of the pulses that were given them."""
        pulses, out = self.board.world.truth.pulses(), []
        for o in found:
            if isinstance(o, Offset) and o.second is not None:
                true = min(pulses, key=lambda p: abs(p.at - o.at))
                if abs(true.at - o.at) < 0.3 * NS and true.utc != o.second:
                    out.append(f"{o.second.iso()} is {true.utc.iso()}")
        return out

    def used(self, found: list[Event | Finding] | list[Finding]) -> int:
        return sum(isinstance(o, Offset) and o.kind is Kind.OK for o in found)


Check = Callable[[Ran], bool]


@dataclass(frozen=True)
class Case:
    """`fault` for the world (empty: done to the machine instead, by `board`), `board` and `scenario` options; `says`: what must be
    said; `less`: pulses that the devices' way may use less than the straight one, for a reason that is theirs."""

    fault: str = ""
    check: Check = lambda r: True
    says: str = ""
    scenario: dict[str, object] = field(default_factory=dict)
    board: dict[str, object] = field(default_factory=dict)
    config: str = ""
    less: int = 8


# of a doubled interrupt the kernel keeps the later stamp: some microseconds late, an outlier, and one edge only
CASES: dict[str, Case] = {
    # ---- the pulse ---------------------------------------------------------------------------------------------------------------
    "latency-step": Case("latency-step:at=100,add=50us", lambda r: r.engine.pairing.label is Label.OK),
    "missing-pulse": Case("missing-pulse:rate=0.05,run=3", lambda r: r.used(r.values) < SECONDS - 10),
    "rogue-pulse": Case("rogue-pulse:rate=0.05,cluster=3", lambda r: r.rejects("rogue-pulse", 0.3)),
    "duplicate-pulse": Case("duplicate-pulse:rate=0.1,gap=10us", lambda r: r.engine.rejected["duplicate-pulse"] == 0, less=40),
    "wrong-edge": Case(
        "wrong-edge:width=100ms", lambda r: True, "only assert edges are captured, so the pulse's width is not known"
    ),
    "pulse-before-fix": Case("pulse-before-fix:ppm=5", lambda r: r.rejects("pulse-before-fix"), "", {"faults": ("cold-start",)}),
    "pulse-rate": Case("pulse-rate:hz=2", lambda r: r.rejects("wrong-rate") and r.used(r.values) == 0, "2 pulses a second"),
    "gpsdo": Case("gpsdo:at=80,for=60", lambda r: r.rejects("no-fix")),
    "lost-fix": Case(
        "lost-fix:at=80,for=80,pulse=20s", lambda r: r.rejects("pulse-without-fix"), "The pulse comes back with the fix"
    ),
    # ---- the receiver ------------------------------------------------------------------------------------------------------------
    "gga-first": Case("gga-first"),
    "cold-start": Case(
        "cold-start",
        lambda r: (r.rejects("before-lower-bound") or r.rejects("no-fix")) and "wire" not in r.said,
        "receiver has 0 satellites: move the antenna",
    ),
    "week-rollover": Case("week-rollover:weeks=1024", lambda r: r.rejects("rollover-corrected")),
    "leap-default": Case("leap-default:ahead=3,for=100", lambda r: r.rejects("leap-unverified"), "", {"faults": ("cold-start",)}),
    "rtc-backed": Case("rtc-backed:off=0,for=60", lambda r: r.rejects("no-fix")),
    "ten-hz": Case("ten-hz:hz=10", scenario={"sentences": ("RMC",), "baud": 115200}),
    "drop-second": Case("drop-second:every=40"),
    "long-sentences": Case("long-sentences"),
    # ---- the bytes ---------------------------------------------------------------------------------------------------------------
    "late-sentences": Case("late-sentences:at=100,delay=200ms,jitter=20ms"),
    "delay-wander": Case(
        "delay-wander:span=2s", lambda r: r.rejects("not-continuous", 0.5) or r.engine.pairing.label is not Label.OK
    ),
    "backlog": Case("backlog", lambda r: True, "% of the line at 4800 baud", {"baud": 4800}, config="baud = 4800\n"),
    "mid-sentence": Case("mid-sentence"),
    "bit-errors": Case("bit-errors:rate=0.0005", lambda r: r.rejects("bad-checksum")),
    "noise-bursts": Case("noise-bursts:rate=0.2", lambda r: r.engine.pairing.label is Label.OK),
    "xor-flip": Case("xor-flip:rate=0.02", lambda r: r.rejects("not-continuous", 0.5)),
    "truncated": Case("truncated:rate=0.05", lambda r: sum(r.engine.rejected.values()) > 20),
    "glued": Case("glued:rate=0.05"),
    "cr-only": Case("cr-only"),
    "missing-sentences": Case("missing-sentences:rate=0.2"),
    "wrong-baud": Case("wrong-baud:baud=4800", lambda r: r.engine.nmea.sentences == 0, "baud"),
    "baud-drift": Case(
        "baud-drift:at=80,for=40,ratio=1.6", lambda r: r.engine.pairing.label is Label.OK, "the mini UART, whose rate"
    ),
    "unplug": Case("unplug:at=80,for=10", lambda r: r.devices == [("serial", False), ("serial", True)]),
    "login-console": Case("login-console:every=20", lambda r: True, "a login console is on this line"),
    "binary-noise": Case("binary-noise:share=0.4"),
    "chatter": Case("chatter:rate=0.5"),
    "nmea-silent": Case("nmea-silent:at=80,for=60", lambda r: r.engine.pairing.label is Label.OK),
    # ---- the clocks --------------------------------------------------------------------------------------------------------------
    "timer-slow": Case("timer-slow:at=100,for=30,ratio=0.55", less=40),
    "gross-frequency": Case("gross-frequency:ppm=405"),
    "system-step": Case(board={"steps": ((100.3, -(10**9)), (150.2, 619_315_200 * NS))}, check=lambda r: len(r.steps) == 2),
    "chrony-slews": Case(
        board={"slews": ((0, 0.0), (60, 80_000.0), (75.5, -500.0), (130, 12.0)), "daemons": ("chronyd (pid 612)",)},
        check=lambda r: r.engine.steps.steered == "chronyd (pid 612)" and not r.steps,
        says="went by +8e+04 to +80000.000 ppm; by chronyd",
    ),
    "system-offset": Case("system-offset:offset=-259200s"),
}

ELSEWHERE = {
    "frozen-clear": "tests/drivers/test_pps_kernel.py::test_a_clear_stamp_that_stands_still_is_not_used",
    "stretched-bracket": "tests/drivers/test_system_clock.py::test_a_stalled_reading_is_wide_and_no_step",
    "second-reader": "tests/drivers/test_serial_port.py::test_a_second_reader_that_takes_bytes_is_noticed_and_named",
    "power-cycle": "tests/drivers/test_receiver_setup.py::test_a_receiver_back_at_its_factory_rate_is_found_and_told_again",
    "adjust-refused": "tests/drivers/test_steering.py::test_a_kernel_that_refuses_is_told_once",
    "leap-second": "tests/scenarios/test_live_faults.py::test_a_leap_second_through_the_drivers",
    "suspend": "tests/scenarios/test_live_faults.py::test_a_machine_that_slept",
}
"""Where the fault is one of the device itself, or the run needs more than the table has."""


def through_both(tmp_path: Path, case: Case) -> Ran:
    faults = (*case.scenario.get("faults", ()), *([case.fault] if case.fault else []))  # type: ignore[misc]
    board = LiveBoard(tmp_path, width_ms=None, **{"duration_s": SECONDS} | case.scenario | case.board | {"faults": faults})
    straight, twins = Engine(BUILT_IN.table, UtcTime.civil(2026, 7, 6)), list[Finding]()
    for event in board.events:
        twins += straight.on(event)[0]
    text = f"[receiver]\n{case.config}" if case.config else ""
    engine, values = board.run(receiver=text.removeprefix("[receiver]\n"))
    return Ran(board, engine, values, straight, twins)


@pytest.mark.parametrize("name", CASES)
def test_a_fault_through_the_drivers(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    r = through_both(tmp_path, case)
    assert r.wrong(r.values) == r.wrong(r.twins) == []
    assert r.engine.pairing.label is r.straight.pairing.label
    mine, theirs = r.used(r.values), r.used(r.twins)
    assert abs(mine - theirs) <= case.less + 0.02 * theirs
    assert case.says in r.said
    assert case.check(r), (dict(r.engine.rejected), dict(r.straight.rejected), r.said)


def test_every_fault_of_the_catalogue_that_concerns_a_driver_has_a_test() -> None:
    wanted = {name for name, kind in FAULTS.items() if re.search(r"F-[NPC]\d", kind.source)}
    assert wanted == {*CASES, *ELSEWHERE} - {"missing-sentences", "nmea-silent"}, "those two are pains (P1, P10)"
    for place in ELSEWHERE.values():
        file, _, function = place.partition("::")
        assert f"def {function}(" in (ROOT / file).read_text()


def test_a_leap_second_through_the_drivers(tmp_path: Path) -> None:
    """F-N21: 23:59:60 has its name, and the second after it too."""
    start = UtcTime.civil(2016, 12, 31, 23, 58)
    board = LiveBoard(tmp_path, width_ms=None, duration_s=200, start=start, faults=("leap-second:at=120",))
    engine, values = board.run(not_before=None)
    named = [v.second.iso() for v in values if isinstance(v, Offset) and v.second is not None]
    at = named.index("2016-12-31T23:59:60Z")
    assert named[at - 1 : at + 2] == ["2016-12-31T23:59:59Z", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"]
    assert engine.pairing.label is Label.OK


def test_a_machine_that_slept(tmp_path: Path) -> None:
    """F-C12: the raw clock and MONOTONIC stood still for a minute, REALTIME came back right: a step, and the label is looked at."""
    world = {"duration_s": SECONDS, "faults": ("suspend:at=100,for=60",)}
    (tmp_path / "probe").mkdir()
    probe = LiveBoard(tmp_path / "probe", width_ms=None, **world)
    probe.close()
    pulses = probe.world.truth.pulses()
    before = next(a for a, b in itertools.pairwise(pulses) if b.utc.unix - a.utc.unix > 30 * NS)
    slept = (before.at - probe.begin) / NS + 0.05
    board = LiveBoard(tmp_path, width_ms=None, steps=((slept, 60 * NS),), **world)
    engine, values = board.run()
    r = Ran(board, engine, values, engine, [])
    assert r.wrong(values) == []
    assert engine.pairing.label is Label.OK
    assert r.steps == [pytest.approx(60 * NS, abs=1e6)]
