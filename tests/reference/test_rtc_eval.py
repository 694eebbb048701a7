"""Fourteen real clock chips with their measured ppm (RTCEval, MIT): the simulation of each that is ours gives its figure back.

Trim brings those that can be trimmed within one step, with the sign that the register values of the file's author show.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from rtc_benches import bench, truth

from gpstime.app.rtc_measure import measure_chip
from gpstime.app.rtc_trim import Verified, apply, propose, verify

FILE = "rtc/RTCEval-initial-ppm.txt"
LINE = re.compile(r"\d\d ([A-Z0-9-]+)(?:\(Ada\))?:?\s*(-?\d+\.\d+) ppm(?:.*(0x[0-9A-F]+))?")
OURS = {
    "DS1307": "ds1307",
    "DS3231SN": "ds3231",
    "DS3231M": "ds3231m",
    "MCP79410": "mcp7940n",
    "PCF8523": "pcf8523",
    "PCF8563": "pcf8563",
    "RV-3028": "rv3028",
    "RV-8803": "rv8803",
}
OTHERS = {"DS1337", "RS5C372", "RV-3032", "RV-8523", "SD2405"}


@dataclass(frozen=True)
class Chip:
    name: str
    ppm: float
    register: int | None


def chips(text: str) -> list[Chip]:
    found = (LINE.match(line) for line in text.splitlines())
    return [Chip(m[1], float(m[2]), int(m[3], 16) if m[3] else None) for m in found if m]


def slower(chip: str, register: int) -> bool:
    """What the author's register content does, by each maker's own words (not by our table)."""
    if chip == "mcp7940n":  # DS20005010, 5.6: SIGN set adds clocks, which makes it faster
        return not register & 0x80
    if chip == "rv3028":  # nine bits, two's complement; a positive EEOffset makes it faster
        return bool(register & 0x100)
    if chip == "pcf8523":  # bit 7 is the mode, seven bits in two's complement lengthen the second
        return not register & 0x40
    if chip == "rv8803":  # six bits, two's complement; positive lengthens the second
        return not register & 0x20
    return not register & 0x80  # DS3231: aging offset, positive adds capacitance


@pytest.fixture
def evaluated(shared_data: Path) -> list[Chip]:
    return chips((shared_data / FILE).read_text(encoding="utf-8"))


def test_all_fourteen_are_read(evaluated: list[Chip]) -> None:
    assert len(evaluated) == 14
    assert {c.name for c in evaluated} == set(OURS) | OTHERS
    assert [c.ppm for c in evaluated if c.name == "DS1307"] == [18.2, 65.7]
    assert sum(c.register is not None for c in evaluated) == 8


@pytest.mark.parametrize("number", range(14))
def test_the_figure_comes_back(evaluated: list[Chip], number: int) -> None:
    real = evaluated[number]
    if real.name in OTHERS:
        assert real.name not in OURS
        return
    b = bench(OURS[real.name], "--rtc-ppm", str(real.ppm), "--seed", str(number))
    m = measure_chip(b, 3600)
    assert m.ppm is not None
    assert m.lo_ppm is not None
    assert m.hi_ppm is not None
    assert abs(m.ppm - real.ppm) < 0.02
    assert m.lo_ppm - 0.01 <= real.ppm <= m.hi_ppm + 0.01
    assert m.sure is not None
    assert m.sure[0] <= real.ppm <= m.sure[1]
    spec = b.chip.trim_spec
    if spec is None:
        assert real.register is None
        return
    proposal = propose(b)
    if not proposal.plan.worth:
        # the author wrote a value for this chip, too: 0.2 ppm is two steps of a DS3231
        assert abs(real.ppm) <= spec.ppm_per_step / 2
        return
    assert apply(b, proposal).taken
    after = truth(b).mean_ppm
    assert abs(after) <= spec.ppm_per_step
    assert abs(after) < abs(real.ppm)
    assert real.register is not None
    makes_slower = (proposal.plan.value > 0) == (spec.positive == "slower")
    assert makes_slower == slower(OURS[real.name], real.register) == (real.ppm > 0)
    found = verify(b, 3600)
    assert isinstance(found, Verified)
    assert found.verdict is not None
    assert found.verdict.word == "confirmed"
    after = truth(b).mean_ppm
    assert found.rate.lo_ppm - 0.01 <= after <= found.rate.hi_ppm + 0.01
