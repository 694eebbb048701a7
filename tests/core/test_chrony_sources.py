"""`chronyc -c sources`: every flag, and the lines that no chronyc of today would print (F-D06); then what is made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpstime.core.chrony_sources import explain
from gpstime.core.chrony_table import Source, parse

ROW = "#,{state},GPST,0,3,377,5,-0.000000123,-0.000000456,0.000006789"

FLAGS = {
    "*": "follows this one",
    "+": "combined with",
    "-": "left out",
    "?": "can't be selected",
    "x": "falseticker",
    "~": "varies too much",
    "": "not judged it yet",
    " ": "not judged it yet",
    "!": "does not know: '!'",
}


@pytest.mark.parametrize("state", FLAGS)
def test_each_flag_in_words(state: str) -> None:
    [source], unreadable = parse(ROW.format(state=state))
    assert not unreadable
    assert source == Source("#", state, "GPST", 0, 3, 0o377, 5, -1.23e-7, -4.56e-7, 6.789e-6)
    [found] = explain([source], 0.4)
    assert FLAGS[state] in found.why
    others = [words for flag, words in FLAGS.items() if words != FLAGS[state]]
    assert not [words for words in others if words in found.why], "one flag, one meaning"


def test_as_chronyc_4_3_prints_it() -> None:
    """Seen: Debian's chronyc 4.3, a source that never gave a sample beside one that is followed."""
    text = (
        "#,?,GPSH,0,0,0,4294967295,0.000000000,0.000000000,0.000000000\n#,*,GPST,0,0,77,1,-0.000000000,-0.000000000,0.000010020\n"
    )
    (silent, followed), unreadable = parse(text)
    assert not unreadable
    assert (silent.reach, silent.last_s) == (0, None)
    assert (followed.reach, followed.last_s, followed.error_s) == (0o77, 1, 0.00001002)
    assert "no sample came" in explain([silent, followed], 0.4)[0].why


@pytest.mark.parametrize("number", ["nan", "NaN", "-nan", "inf", "-", ""])
def test_numbers_that_are_none(number: str) -> None:
    """ntpmon's nan offset: no number, and no crash."""
    [source], _ = parse(f"^,*,192.0.2.1,2,6,377,20,{number},{number},{number}")
    assert (source.offset_s, source.error_s) == (None, None)
    [found] = explain([source], 0.4)
    assert "tells no offset" in found.why
    [bad], _ = parse("^,x,192.0.2.1,-,nan,9,soon,nan,nan,nan")
    assert (bad.stratum, bad.poll, bad.reach, bad.last_s) == (None, None, None, None)
    assert "falseticker" in explain([bad, source], 0.4)[0].why


def test_nothing_at_all() -> None:
    assert parse("") == ([], [])
    assert parse("\n  \n") == ([], [])
    assert explain([], 0.4) == []


def test_fewer_and_more_columns() -> None:
    """Older and later chronyc: what is there is used."""
    (short, long), unreadable = parse("#,*,GPS\n^,+,a.example,2,6,377,20,0.1,0.2,0.3,new,newer\r\n")
    assert not unreadable
    assert (short.name, short.reach, short.offset_s) == ("GPS", None, None)
    assert (long.offset_s, long.error_s) == (0.1, 0.3)
    assert [e.source.name for e in explain([short, long], 0.4)] == ["GPS", "a.example"]


def test_what_is_no_row_is_kept_apart() -> None:
    text = "506 Cannot talk to daemon\nMS Name/IP address  Stratum\n#* GPS0  0 4 377 11 +123ns\n" + ROW.format(state="*")
    sources, unreadable = parse(text)
    assert [s.name for s in sources] == ["GPST"]
    assert len(unreadable) == 2
    assert parse("x" * 1000)[1] == ["x" * 80]


@given(st.text(alphabet="#^=,*+-?x~0123456789nae.\n ", max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    sources, _ = parse(text)
    assert len(explain(sources, 0.2, feeding=True)) == len(sources)


# ---- why a pulse is not used -----------------------------------------------------------------------------------------------------


def gps(off_s: float, error_s: float = 0.03, pulse_reach: str = "0") -> list[Source]:
    text = f"#,?,NMEA,0,4,377,11,{off_s},{off_s},{error_s}\n#,?,PPS0,0,4,{pulse_reach},4294967295,0,0,0"
    return parse(text)[0]


def test_sentences_half_a_second_late_keep_the_pulse_out() -> None:
    """P3, in the words of the pain list."""
    _, pulse = explain(gps(0.512), 0.4)
    assert "PPS0 is unusable because NMEA is +0.512 s off (limit 0.4 s incl. dispersion 0.03 s). Set offset 0.512" in pulse.why


def test_the_limit_is_the_versions() -> None:
    late = gps(0.25)
    assert "is unusable because" in explain(late, 0.2)[1].why
    assert "is unusable because" not in explain(late, 0.4)[1].why
    assert "is unusable because" in explain(gps(0.39, 0.02), 0.4)[1].why, "its doubt counts"


def test_sentences_nearly_a_second_late_would_lock_it_to_the_wrong_second() -> None:
    """The worst case: nothing looks wrong."""
    for off_s, seconds in ((0.95, "+1"), (-1.05, "-1")):
        assert f"PPS0 would be {seconds} s wrong" in explain(gps(off_s), 0.4)[1].why


def test_good_sentences_are_not_blamed() -> None:
    for row in explain(gps(0.01), 0.4):
        assert "NMEA is" not in row.why
        assert "wrong" not in row.why


def test_samples_that_are_sent_and_not_taken() -> None:
    """F-D03: a sample of the wrong size vanishes; only both ends together show it."""
    [ours], _ = parse("#,?,GPST,0,3,0,4294967295,0,0,0")
    assert "chrony takes none: another [feeds] time_t" in explain([ours], 0.4, feeding=True)[0].why
    for not_known in (False, None):
        why = explain([ours], 0.4, feeding=not_known)[0].why
        assert "takes none" not in why
        assert "gpstime status" in why


def test_a_falseticker_is_told_how_far_it_is_off_and_from_whom() -> None:
    text = "^,*,192.0.2.1,1,6,377,20,0.0001,0.0001,0.02\n#,x,GPST,0,3,377,5,1.0002,1.0002,0.0000065"
    why = explain(parse(text)[0], 0.4)[1].why
    assert "1.000100 s from 192.0.2.1" in why
    assert "a larger `delay` claims less" in why


def test_a_source_that_went_silent() -> None:
    [source], _ = parse("#,*,GPST,0,3,0,900,0.0,0.0,0.1")
    assert "No sample came for" not in explain([source], 0.4)[0].why, "its reach says it already"
    [source], _ = parse("#,*,GPST,0,3,200,900,0.0,0.0,0.1")
    assert "No sample came for 900 s." in explain([source], 0.4)[0].why
