"""chronyc's table as people have it on their screens, and each column in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpstime.core.chrony_table import MODES, Source, in_words, parse

VERBOSE = """
  .-- Source mode  '^' = server, '=' = peer, '#' = local clock.
 / .- Source state '*' = current best, '+' = combined, '-' = not combined,
| /             'x' = may be in error, '~' = too variable, '?' = unusable.
||                                                 .- xxxx [ yyyy ] +/- zzzz
||      Reachability register (octal) -.           |  xxxx = adjusted offset,
||      Log2(Polling interval) --.      |          |  yyyy = measured offset,
||                                \\     |          |  zzzz = estimated error.
||                                 |    |           \\
MS Name/IP address         Stratum Poll Reach LastRx Last sample
===============================================================================
#* PPS0                          0   4   377    11    -12ns[  -45ns] +/-  234ns
#? NMEA                          0   4   377    10   +512ms[ +512ms] +/-   30ms
^- ntp1.example.net              2   6   273    23   -923us[ -924us] +/-   43ms
=x peer.example.net              3  10    17   31m   +1.2s[ +1.2s] +/-   1.2s
^? 192.0.2.1                     0   6     0     -     +0ns[   +0ns] +/-    0ns
^~ 192.0.2.2                     1   6     1    2d     +1us[   +1us] +/-    9us
"""
FIELDS = """#,*,PPS0,0,4,377,11,-0.000000012,-0.000000045,0.000000234
#,?,NMEA,0,4,377,10,0.512,0.512,0.03
^,-,ntp1.example.net,2,6,273,23,-0.000923,-0.000924,0.043
=,x,peer.example.net,3,10,17,1860,1.2,1.2,1.2
^,?,192.0.2.1,0,6,0,4294967295,0.0,0.0,0.0
^,~,192.0.2.2,1,6,1,172800,0.000001,0.000001,0.000009
"""


def test_both_forms_of_the_table_say_the_same() -> None:
    people, left = parse(VERBOSE)
    programs, none = parse(FIELDS)
    assert left == none == []
    assert len(people) == len(programs) == 6
    for a, b in zip(people, programs, strict=True):
        assert (a.mode, a.state, a.name, a.stratum, a.poll, a.reach, a.last_s) == (
            (b.mode, b.state, b.name, b.stratum, b.poll, b.reach, b.last_s)
        )
        assert (a.offset_s, a.measured_s, a.error_s) == pytest.approx((b.offset_s, b.measured_s, b.error_s))


def test_each_column_in_words() -> None:
    [pps, *_, silent, late], _ = parse(FIELDS)
    assert in_words(pps) == (
        "a clock of this machine of stratum 0; reach 377: all of the last 8 polls gave a sample, one each 16 s; the last sample is "
        "11 s old; by it this clock is 12 ns behind now (in brackets: 45 ns behind when that was taken), give or take 234 ns."
    )
    assert "none of the last 8 polls gave a sample" in in_words(silent)
    assert "it never gave a sample" in in_words(silent)
    assert "behind" not in in_words(silent)
    assert "1 of the last 8 polls gave a sample, one each 64 s" in in_words(late)


@pytest.mark.parametrize(("mode", "words"), [("^", "a server"), ("=", "a peer"), ("#", "a clock of this machine")])
def test_each_mode_in_words(mode: str, words: str) -> None:
    assert in_words(Source(mode, "*", "x")).startswith(words)
    assert len(set(MODES.values())) == 3


@pytest.mark.parametrize(
    ("reach", "says"), [(0o377, "all"), (0o376, "7 of the last 8 polls gave a sample, not the newest"), (0, "none")]
)
def test_reach_is_octal_and_the_lowest_bit_is_the_newest(reach: int, says: str) -> None:
    assert says in in_words(Source("#", "*", "x", 0, 4, reach, 1))


def test_the_sign_is_chronys() -> None:
    """Positive: the system clock is ahead of the source (chronyc(1))."""
    assert "12 ms ahead now" in in_words(Source("^", "*", "x", last_s=1, offset_s=0.012))
    assert "12 ms behind now" in in_words(Source("^", "*", "x", last_s=1, offset_s=-0.012))
    assert "right now" in in_words(Source("^", "*", "x", last_s=1, offset_s=0.0))


@given(st.text(alphabet="#^=*+-?x~0123456789nums[]/ .|\n", max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    for source in parse(text)[0]:
        assert in_words(source).endswith(".")
