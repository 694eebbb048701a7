"""Lines for chrony.conf: a golden file for each version and way, the delay never less than twice the doubt, the limit of a lock.

`GPSTIME_GOLDEN=write` writes the golden files anew; each must then be read by a person. The real chronyd reads them in
tests/reference/test_real_chrony.py.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpstime.core.bound import Biases
from gpstime.core.chrony_lines import UNKNOWN_NS, Measured, lock_limit_s, needed_delay_s, pps_lines, seconds, shm_lines, sock_lines

GOLDEN = Path(__file__).parent / "chrony_golden"
VERSIONS = [(4, 0), (4, 3), (4, 6), (4, 8)]
HAT = Measured(13_500, 6_500, True, "a Pi 5", 512_300_000, 21_000_000, 14_400)
"""A Pi 5 with a receiver whose sentences come half a second late (the pain list's P1 and P3)."""


def lines_of(version: tuple[int, int], way: str) -> list[str]:
    if way == "sock":
        return sock_lines(version, HAT, "/run/chrony.gpstime.sock", 64)
    if way == "sock32":
        return sock_lines(version, HAT, "/run/chrony.gpstime.sock", 32)
    if way == "shm":
        return shm_lines(version, HAT, 4, 0o666)
    return pps_lines(version, replace(HAT, taken_off=False), "/dev/pps0", "assert", 0)


@pytest.mark.parametrize("way", ["sock", "sock32", "shm", "pps"])
@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: f"{v[0]}.{v[1]}")
def test_golden(version: tuple[int, int], way: str) -> None:
    file = GOLDEN / f"{version[0]}.{version[1]}-{way}.conf"
    text = "\n".join(lines_of(version, way)) + "\n"
    if os.environ.get("GPSTIME_GOLDEN") == "write":
        file.write_text(text)
    assert text == file.read_text()


def test_the_versions_differ_where_they_should() -> None:
    """The limit of a lock since 4.1, both sizes on 32 bits since 4.4, letting go of a silent source since 4.8."""
    for version in VERSIONS:
        text = {way: "\n".join(lines_of(version, way)) for way in ("sock", "sock32", "shm", "pps")}
        assert ("within 0.2 s" in text["pps"]) == (version == (4, 0))
        assert ("drops samples of another size" in text["sock32"]) == (version in ((4, 0), (4, 3)))
        assert all(("maxunreach" in t) == (version == (4, 8)) for t in text.values())
        assert " lock " not in text["sock"] + text["shm"], "a labelled sample needs none"


@pytest.mark.parametrize(
    ("version", "limit"), [((3, 5), 0.2), ((4, 0), 0.2), ((4, 1), 0.4), ((4, 3), 0.4), ((4, 10), 0.4), ((5, 0), 0.4)]
)
def test_the_limit_of_a_lock(version: tuple[int, int], limit: float) -> None:
    assert lock_limit_s(version) == limit


@given(st.integers(0, 10**9))
def test_delay_is_at_least_twice_the_bound_also_as_it_is_written(bound_ns: int) -> None:
    delay_s = needed_delay_s(bound_ns)
    written_ns = round(float(seconds(delay_s)) * 1e9)
    assert written_ns >= 2 * bound_ns
    assert written_ns <= max(1, 2.2 * bound_ns + 1), "and not ten times that"
    assert re.fullmatch(r"\d+(\.\d+)?", seconds(delay_s)), "chrony reads no exponent here that a person can check"


def delay_in(lines: list[str]) -> float:
    found = re.findall(r"^refclock .* delay ([\d.]+)", "\n".join(lines), re.MULTILINE)
    return float(found[-1])


def test_each_way_has_that_delay() -> None:
    for way in ("sock", "shm", "pps"):
        assert delay_in(lines_of((4, 3), way)) == 14e-6


def test_the_bound_has_all_that_a_loop_does_not_see() -> None:
    """The biases of the error bound: the stamps, the receiver, its cable. Half of `delay` must not be less."""
    biases = Biases(pulse_ns=6_500.0)
    assert HAT.bound_ns == round(biases.total_ns)
    assert delay_in(lines_of((4, 3), "sock")) >= 2e-9 * biases.total_ns > 13e-6


def test_a_lateness_of_which_nothing_is_known_gets_a_millisecond_and_says_so() -> None:
    lines = sock_lines((4, 3), Measured(), "/run/s", 64)
    assert delay_in(lines) >= 2 * UNKNOWN_NS / 1e9
    assert "is not known here: 1000 us are allowed for" in lines[1]


def test_offsets_have_chronys_sign() -> None:
    """What comes late is set right by a positive offset (refclock.c adds it to true - system)."""
    lines = lines_of((4, 3), "pps")
    assert "refid NMEA offset 0.512 " in "\n".join(lines)
    assert "refid PPS poll 3 offset 0.0000135 " in "\n".join(lines)
    assert "offset 0 " in lines_of((4, 3), "sock")[-1], "taken off before"


def test_few_seconds_and_an_old_chrony_are_said() -> None:
    few = pps_lines((3, 5), replace(HAT, n=64), "/dev/pps1", "clear", 0)
    assert "# 64 of them are few: half an hour tells the delay well." in few
    assert "this one is older" in few[1]
    assert few[-1].startswith("refclock PPS /dev/pps1:clear lock NMEA ")
    assert not [line for line in lines_of((4, 3), "pps") if "are few" in line]


def test_every_other_line_is_a_comment() -> None:
    for way in ("sock", "sock32", "shm", "pps"):
        for line in lines_of((4, 0), way):
            assert line.startswith(("# ", "refclock ")), line
