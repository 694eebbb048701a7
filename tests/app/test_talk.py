"""What the receiver says for people: decoded on demand, guarded against whatever pynmea2 raises, bounded."""

from __future__ import annotations

import random
from functools import reduce
from operator import xor

import pynmea2

from gpstime.app.talk import MAX_KINDS, MAX_TEXTS, Said, Talk, decode
from gpstime.core.nmea import Nmea
from gpstime.times import RawNs


def sentence(body: str) -> bytes:
    raw = body.encode("latin-1")
    return b"$%b*%02X" % (raw, reduce(xor, raw, 0))


def said(*bodies: str) -> Said:
    talk = Talk()
    for body in bodies:
        talk.hear(sentence(body), RawNs(0))
    return talk.said()


def test_fix_satellites_and_dilution():
    now = said(
        "GPGGA,120000,4404.1,N,12118.8,W,0,00,,,M,,M,,",
        "GPGGA,120001,4404.1,N,12118.8,W,2,10,0.98,1127.7,M,-19.6,M,,",
        "GPGSA,A,3,20,16,09,03,07,10,23,19,27,30,,,1.64,0.98,1.31",
        "GPGSV,3,1,12,02,25,181,42,06,45,146,45,12,19,292,47,13,17,209,43",
        "GLGSV,2,1,07,66,10,179,,67,52,218,22,68,46,309,30,69,05,340,17",
    )
    assert now == Said("differential fix", "3D", 10, 0.98, {"GP": 12, "GL": 7}, (), (), 0)


def test_gns_where_there_is_no_gga():
    now = said("GNGNS,213712.000,4111.59903,N,11156.54809,W,AANN,13,0.93,01482.5,-016.5,,")
    assert (now.fix, now.satellites, now.hdop) == (None, 13, 0.93)


def test_no_fix_and_silence():
    assert said("GPGGA,120000,,,,,0,00,99.99,,,,,,").fix == "no fix"
    assert said("GPGGA,120000,,,,,,00,99.99,,,,,,").fix is None
    assert said() == Said()


def test_texts():
    now = said(
        "GPTXT,01,01,02,u-blox ag - www.u-blox.com", "GNTXT,01,01,01,ANTENNA OK", "GNTXT,01,01,01,ANTENNA OK", "GNTXT,01,01,00"
    )
    assert now.texts == ("u-blox ag - www.u-blox.com", "ANTENNA OK")


def test_makers_sentences_in_words():
    now = said(
        "PMTK001,314,3",
        "PMTK001,424,1",
        "PMTK705,AXN_2.51_3339_19071200,0002,QUECTEL-L70,1.0",
        "PQVERNO,R,L70BGR03A05S,2019/10/09,21:12",
        "PUBX,04,073731.00,091202,113851.00,1196,15D,1930035,-2660.664,43",
        "PGRMT,GPS 15x-W software ver. 4.20,,,,,,,,",
    )
    assert now.proprietary == (
        "answer to PMTK424: unsupported command",
        "firmware AXN_2.51_3339_19071200 0002 QUECTEL-L70 1.0",
        "firmware R L70BGR03A05S 2019/10/09 21:12",
        "leap seconds 15 (the firmware's default, not yet received)",
        "PGRMT,GPS 15x-W software ver. 4.20,,,,,,,,",
    )


def test_nothing_is_decoded_until_asked(monkeypatch):
    calls = []
    parse = pynmea2.parse
    monkeypatch.setattr(pynmea2, "parse", lambda *a, **k: calls.append(a) or parse(*a, **k))
    nmea, talk = Nmea(), Talk()
    nmea.lines = talk.hear
    for i in range(50):
        nmea.feed(sentence(f"GPGGA,1200{i:02},4404.1,N,12118.8,W,1,{i:02},0.98,1127.7,M,-19.6,M,,") + b"\r\n", RawNs(i))
    assert calls == []
    assert talk.said().satellites == 49
    assert len(calls) == 1, "the last of its kind, and no other"


def test_whatever_pynmea2_throws(monkeypatch):
    bodies = [
        "PUBX",
        "PASHR",
        "PMTK001",
        "PQVERNO",
        "PUBX,04",
        "GPGGA",
        "GPGSV,x,y,z",
        "GPGSA,A,q",
        "GPTXT,",
        "GPGGA,a,b,c,d,e,f,g,h",
        "PMTK705",
    ]
    now = said(*bodies)
    assert now.satellites is None
    assert now.in_view == {"GP": 0}
    for error in (TypeError, IndexError, KeyError, ValueError, RecursionError, ZeroDivisionError, pynmea2.ParseError):

        def thrown(*args, error=error, **kwargs):
            raise error("x", "y")

        monkeypatch.setattr(pynmea2, "parse", thrown)
        assert decode(sentence("GPGGA,120000")) is None
        assert said("GPGGA,120000,,,,,1,00,,,,,,,", "PMTK001,1,2", "GPTXT,01,01,02,x").undecoded == 1


def test_random_fields_raise_nothing():
    rng = random.Random(7)
    kinds = [
        "GPGGA",
        "GNGNS",
        "GPGSA",
        "GPGSV",
        "GNTXT",
        "PMTK001",
        "PMTK705",
        "PQVERNO",
        "PUBX,04",
        "PUBX,00",
        "PSRF151",
        "PGRME",
        "PASHR",
    ]
    for _ in range(2000):
        fields = ["".join(rng.choices("0123456789.-ANV \x80\xff\x01;", k=rng.randrange(6))) for _ in range(rng.randrange(20))]
        said(",".join([rng.choice(kinds), *fields]))


def test_it_is_bounded():
    talk = Talk()
    for i in range(5000):
        talk.hear(sentence(f"P{i:07},1"), RawNs(0))
        talk.hear(sentence(f"GPTXT,01,01,02,text {i}"), RawNs(0))
    assert len(talk.said().proprietary) == MAX_KINDS
    assert talk.said().texts == tuple(f"text {i}" for i in range(5000 - MAX_TEXTS, 5000))
