"""The codec: exact both ways, and nothing that a line can hold raises."""

from __future__ import annotations

import json
from collections import Counter
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import event

from gpstime.model import Applied, Event, Note, PpsEdge, RtcReading, SerialBytes, Tick
from gpstime.store.capture import Head, Skipped, decode, encode, encode_head
from gpstime.times import RawNs, UnixNs, UtcTime

EXAMPLE = rb"""
{"k":"head","format":1,"board":"Raspberry Pi 4 Model B Rev 1.4","about":"u-blox M8Q HAT, roof antenna"}
{"k":"tick","t":812000000000,"shown":1763923200000041200,"mono":811999120334,"err_ns":180}
{"k":"pps","t":812999980113,"shown":1763923201000021420,"edge":"assert","seq":88,"by":"kernel","native":"real","stamp":1763923201000021420,"err_ns":205}
{"k":"serial","t":813148220000,"hex":"24474e524d432c3138343030312e30302c412c"}
{"k":"rtc","t":813401000000,"shown":"2025-11-23T18:40:01Z","edge":true,"err_ns":175000,"chip":"ds3231","trusted":true,"temp_c":31.25}
""".strip().split(b"\n")


def test_the_example_of_the_format_reads_as_it_says():
    assert [decode(line) for line in EXAMPLE] == [
        Head({"board": "Raspberry Pi 4 Model B Rev 1.4", "about": "u-blox M8Q HAT, roof antenna"}),
        Tick(RawNs(812000000000), UnixNs(1763923200000041200), 811999120334, 180),
        PpsEdge(
            RawNs(812999980113), UnixNs(1763923201000021420), "assert", 88, "kernel", "real", 1763923201000021420, 205
        ),  # the ints are beyond 2**53: a float on the way would show
        SerialBytes(RawNs(813148220000), b"$GNRMC,184001.00,A,"),
        RtcReading(RawNs(813401000000), UtcTime.civil(2025, 11, 23, 18, 40, 1), 10**9, 175000, True, True, 31.25, None, "ds3231"),
    ]


def test_the_example_comes_back_as_the_same_object():
    for line in EXAMPLE[1:]:
        assert json.loads(encode(decode(line))) == json.loads(line)


@given(event)
def test_every_event_survives_the_round_trip(e):
    line = encode(e)
    assert "\n" not in line
    counts: Counter[str] = Counter()
    assert decode(line.encode(), counts) == e
    assert not counts, "the codec must know every key that it writes"


def test_every_kind_of_event_has_a_strategy():
    # otherwise the round trip would silently leave a new kind out
    drawn = {type(found) for found in (event_of(kind) for kind in get_args(Event)) if found is not None}
    assert drawn == set(get_args(Event))


def event_of(kind):
    from hypothesis import find

    return find(event, lambda e: type(e) is kind)


@given(st.binary(max_size=200))
def test_no_bytes_raise(line):
    decode(line)


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(2**70), 2**70) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_KINDS = ["pps", "serial", "tick", "rtc", "sqw", "temp", "set", "lost", "found", "note", "head"]
_KEYS = [
    "t",
    "shown",
    "edge",
    "seq",
    "by",
    "native",
    "stamp",
    "err_ns",
    "era",
    "hex",
    "port",
    "mono",
    "chip",
    "trusted",
    "temp_c",
    "aging",
    "sensor",
    "c",
    "freq_ppb",
    "step_ns",
    "source",
    "reason",
    "text",
    "format",
]


@given(st.sampled_from(_KINDS), st.dictionaries(st.sampled_from(_KEYS), _json, max_size=10))
def test_no_wrongly_typed_object_raises_and_none_becomes_an_event_with_wrong_types(kind, keys):
    made = decode(json.dumps({"k": kind, **keys}).encode())
    if not isinstance(made, (Head, Skipped)):
        assert type(made.at) is int
        assert decode(encode(made).encode()) == made


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "blank"),
        (b"  \r", "blank"),
        (b"\xff\xfe{}", "not-utf8"),
        (b"$GPRMC,", "not-json"),
        (b"[1]", "not-json"),
        (b"12", "not-json"),
        (b'{"k":"note","t":1,"text":"a"} {}', "not-json"),
        (b'{"k":"note","t":1,"text":"a"', "not-json"),
        (b"[" * 100_000, "not-json"),
        (b'{"k":' * 100_000, "not-json"),
        (b'{"k":"pps","t":' + b"9" * 6000 + b',"shown":1}', "not-json"),
        (b"{}", "unknown-kind"),
        (b'{"k":["pps"],"t":1}', "unknown-kind"),
        (b'{"k":"sausage","t":1}', "unknown-kind"),
        (b'{"k":"head"}', "missing-key"),
        (b'{"k":"head","format":true}', "bad-value"),
        (b'{"k":"head","format":2}', "unknown-format"),
        (b'{"k":"pps","shown":1}', "missing-key"),
        (b'{"k":"pps","t":1}', "missing-key"),
        (b'{"k":"pps","t":1.0,"shown":1}', "bad-value"),
        (b'{"k":"pps","t":true,"shown":1}', "bad-value"),
        (b'{"k":"pps","t":"1","shown":1}', "bad-value"),
        (b'{"k":"pps","t":null,"shown":1}', "bad-value"),
        (b'{"k":"pps","t":NaN,"shown":1}', "bad-value"),
        (b'{"k":"pps","t":9223372036854775808,"shown":1}', "bad-value"),
        (b'{"k":"pps","t":1,"shown":1,"edge":"up"}', "bad-value"),
        (b'{"k":"pps","t":1,"shown":1,"native":"tai"}', "bad-value"),
        (b'{"k":"pps","t":1,"shown":1,"err_ns":-1}', "bad-value"),
        (b'{"k":"serial","t":1,"hex":"2"}', "bad-value"),
        (b'{"k":"serial","t":1,"hex":"2 4"}', "bad-value"),
        (b'{"k":"serial","t":1,"hex":"zz"}', "bad-value"),
        (b'{"k":"rtc","t":1,"shown":"2025-02-30T00:00:00Z"}', "bad-value"),
        (b'{"k":"rtc","t":1,"shown":"99999999999-01-01T00:00:00Z"}', "bad-value"),
        (b'{"k":"rtc","t":1,"shown":"2025-02-03T00:00:00Z","trusted":1}', "bad-value"),
        (b'{"k":"temp","t":1,"sensor":"cpu","c":1e999}', "bad-value"),
        (b'{"k":"set","t":1,"freq_ppb":-Infinity}', "bad-value"),
        (b'{"k":"lost","t":1}', "missing-key"),
    ],
    ids=lambda v: v[:40].decode("latin-1") if isinstance(v, bytes) else v,
)
def test_what_is_skipped_and_why(line, reason):
    assert decode(line) == Skipped(reason)


def test_an_unknown_key_is_counted_and_the_event_used():
    counts: Counter[str] = Counter()
    assert decode(b'{"k":"set","t":5,"freq_ppb":-2,"colour":"red"}', counts) == Applied(RawNs(5), -2.0)
    assert counts == {"unknown-key": 1}


def test_a_lone_surrogate_becomes_printable():
    assert decode(b'{"k":"note","t":1,"text":"a\\ud800"}') == Note(RawNs(1), "a?")


def test_the_head_keeps_its_fields():
    assert decode(encode_head(board="Pi", extra=[1]).encode()) == Head({"board": "Pi", "extra": [1]})


def test_an_rtc_with_decimals_has_their_resolution():
    made = decode(b'{"k":"rtc","t":1,"shown":"2025-11-23T18:40:01.25Z"}')
    assert made.resolution_ns == 10_000_000
    assert made.shown.ns_of_day % 10**9 == 250_000_000
