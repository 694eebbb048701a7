"""What the receivers say: valid sentences by their checksum, by pynmea2 and by our own parser."""

from __future__ import annotations

import functools
import operator
import re

import pynmea2
import pytest
from simulated import run, text

from gpstime.core.nmea import Nmea
from gpstime.errors import UsageError
from gpstime.model import Epoch, SerialBytes
from gpstime.sim.personalities import PERSONALITIES, personality
from gpstime.sim.sentences import SENTENCES
from gpstime.times import UtcTime

ALL = tuple(PERSONALITIES)


def lines_of(raw: bytes) -> list[str]:
    """The whole lines (the end of the run may cut the last)."""
    return raw.decode("ascii").split("\r\n")[:-1]


def good(line: str) -> bool:
    """Framed, and the checksum computed here from the definition."""
    match = re.fullmatch(r"\$([^*]*)\*([0-9A-F]{2})", line)
    return match is not None and functools.reduce(operator.xor, match[1].encode(), 0) == int(match[2], 16)


def epochs(events: list[object]) -> list[Epoch]:
    nmea = Nmea()
    found = [f for e in events if isinstance(e, SerialBytes) for f in nmea.feed(e.data, e.at)]
    return [f for f in found if isinstance(f, Epoch)]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("fault", [None, "cold-start", "lost-fix:at=5s,for=20s", "ten-hz"])
def test_every_line_is_good_and_pynmea2_reads_it(name: str, fault: str | None) -> None:
    _, events = run(duration_s=60, personality=name, sentences=SENTENCES, baud=115_200, faults=(fault,) if fault else ())
    lines = lines_of(text(events))
    assert all(map(good, lines))
    assert max(map(len, lines)) + 2 <= 82, "NMEA 0183 allows 82 characters with CR LF"
    kinds = set()
    for line in lines:
        try:
            kinds.add(pynmea2.parse(line, check=True).sentence_type)
        except pynmea2.SentenceTypeError:
            assert line.startswith(("$PMTK", "$PGACK")), line
        except AttributeError:
            kinds.add("P")  # a proprietary sentence: no sentence_type
    assert set(SENTENCES) <= kinds


@pytest.mark.parametrize("name", ALL)
def test_our_parser_gets_the_true_time_from_each(name: str) -> None:
    world, events = run(
        duration_s=70, personality=name, start=UtcTime.parse("2025-12-31T23:59:30Z"), baud=115_200, sentences=SENTENCES
    )
    found = epochs(events)
    rmc = [e for e in found if e.sentence.endswith("RMC")]
    assert [e.second for e in rmc] == [world.truth.utc(k) for k in range(70)], "over midnight and a new year"
    assert all(e.valid for e in rmc)
    zda = [e for e in found if e.sentence.endswith("ZDA")]
    assert [e.second for e in zda] == [e.second for e in rmc]
    assert {e.sentence[2:] for e in found} == {"RMC", "GGA", "GLL", "ZDA", "GNS"}


@pytest.mark.parametrize("name", ALL)
def test_order_talkers_and_version_are_the_personalitys(name: str) -> None:
    who = personality(name)
    _, events = run(duration_s=1, personality=name, baud=115_200)
    lines = lines_of(text(events))
    order = list(dict.fromkeys(line[3:6] for line in lines))
    assert order == list(who.order)
    rmc = next(line for line in lines if line[3:6] == "RMC").split("*")[0].split(",")
    assert rmc[0] == f"${who.talker}RMC"
    assert len(rmc) == (14 if who.nmea41 else 13)
    assert rmc[12] == "A"
    assert not who.nmea41 or rmc[13] == "V", "the navigational status of NMEA 4.1 is V on a good fix (F-N22)"
    assert len(rmc[1].split(".")[1]) == who.time_decimals
    assert {line[1:3] for line in lines if line[3:6] == "GSV"} == set(who.constellations)


def test_a_leap_second_is_60() -> None:
    world, events = run(duration_s=20, faults=("leap-second:at=10s",))
    assert b"$GNRMC,235960.00,A" in text(events)
    valid = [e.second for e in epochs(events) if e.valid]
    assert valid == [world.truth.utc(k) for k in range(20)]


def test_only_the_sentences_asked_for() -> None:
    _, events = run(duration_s=5, sentences=("rmc", "ZDA"))
    assert [line[3:6] for line in lines_of(text(events))] == ["RMC", "ZDA"] * 5
    with pytest.raises(UsageError, match="known: RMC, VTG"):
        run(sentences=("RMC", "XYZ"))
    with pytest.raises(UsageError, match="known: ublox-m8, mtk3339, l76"):
        run(personality="nonesuch")


def test_long_sentences_are_longer_than_allowed_and_still_good() -> None:
    _, events = run(duration_s=5, faults=("long-sentences",))
    lines = lines_of(text(events))
    assert all(map(good, lines))
    rmc = [line for line in lines if line[3:6] == "RMC"]
    assert all(82 < len(line) + 2 <= 100 for line in rmc)
    assert all(pynmea2.parse(line).status == "A" for line in rmc)
