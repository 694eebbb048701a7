"""The commands, given anything: exit code 0, 1 or 2, a sentence where it is not 0, never an exception."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import lzma
import random
import sys

import pytest
from captures import simulated, train
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gpstime.cli import main
from gpstime.store.capture import decode


class Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def ends_well(argv: list[str], data: bytes) -> int:
    """Run with `data` on stdin; the exit code, after checking what the user would see."""
    out, err, before = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = Stdin(data)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(argv)
    finally:
        sys.stdin = before
    assert code in (0, 1, 2)
    if code:
        (sentence,) = err.getvalue().splitlines()
        assert sentence.startswith(f"gpstime {argv[0]}: ")
        assert len(sentence) > 25
    else:
        assert all("damaged" in sentence for sentence in err.getvalue().splitlines())
        assert err.getvalue().count("\n") <= 1
    if "--json" in argv:
        for line in out.getvalue().splitlines():
            json.loads(line, parse_constant=pytest.fail)
    return code


MEASURE, MEASURE_JSON = ["measure", "--world", "-"], ["measure", "--world", "-", "--json"]
NMEA, NMEA_JSON = ["nmea", "-"], ["nmea", "-", "--json"]


@functools.cache
def capture() -> bytes:
    return simulated(duration_s=40, seed=1, faults=("bit-errors:rate=0.0001", "rogue-pulse:rate=0.1", "chrony-slews"))[0]


@functools.cache
def raw() -> bytes:
    events = (decode(line) for line in simulated(duration_s=30, seed=2)[0].splitlines())
    return b"".join(getattr(e, "data", b"") for e in events)


@pytest.mark.parametrize("argv", [MEASURE, MEASURE_JSON])
def test_the_undamaged_capture_gives_a_frequency(argv):
    # without this the tests below could all end early
    assert ends_well(argv, capture()) == 0


@pytest.mark.parametrize("argv", [NMEA, NMEA_JSON])
def test_the_undamaged_raw_file_gives_epochs(argv):
    assert ends_well(argv, raw()) == 0


@pytest.mark.parametrize("argv", [MEASURE, MEASURE_JSON, NMEA, NMEA_JSON], ids=" ".join)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\0",
        b"{}",
        b"{}\n" * 3,
        b"[" * 50_000,
        b'{"k":"head","format":1}\n',
        b"\xff" * 70_000,
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
    ],
)
def test_short_files(argv, data):
    ends_well(argv, data)


@given(st.binary(max_size=2000), st.sampled_from([MEASURE_JSON, NMEA_JSON]))
@settings(max_examples=100)
def test_random_files(data, argv):
    ends_well(argv, data)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One file with one kind of damage."""
    how = rng.choice(["cut", "flip", "flip", "drop", "double", "shuffle", "overwrite"])
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    if how == "cut":
        return data[:a]
    if how == "drop":
        return data[:a] + data[b:]
    if how == "double":
        return data[:b] + data[a:]
    if how == "shuffle":
        lines = data.splitlines(keepends=True)
        rng.shuffle(lines)
        return b"".join(lines)
    spoilt = bytearray(data)
    if how == "overwrite":
        spoilt[a:b] = rng.randbytes(b - a)
        return bytes(spoilt)
    for _ in range(rng.choice([1, 10, 1000])):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


@pytest.mark.parametrize("packed", ["plain", "xz", "zst"])
@pytest.mark.parametrize("argv", [MEASURE, MEASURE_JSON, NMEA_JSON], ids=" ".join)
def test_damaged_captures(argv, packed):
    data, rng = capture(), random.Random(f"{argv} {packed}")
    if packed == "xz":
        data = lzma.compress(data)
    elif packed == "zst":
        data = pytest.importorskip("zstandard").compress(data)
    codes = {ends_well(argv, damaged(data, rng)) for _ in range(60)}
    if packed == "plain" or argv[0] == "measure":  # gpstime nmea ends with 2 after every damaged compressed file
        assert 0 in codes, "all were refused: the damage was too much to test anything"


@pytest.mark.parametrize("argv", [NMEA, NMEA_JSON, MEASURE_JSON], ids=" ".join)
def test_damaged_raw_files(argv):
    rng = random.Random(str(argv))
    for _ in range(60):
        ends_well(argv, damaged(raw(), rng))


_NUMBERS = [0, -1, 2**63 - 1, -(2**63), 2**63, 10**400, 1.5, -0.0, 1e308]
_OTHERS = [None, True, [], {}, "", "clear", "mono", "é" * 50, "2015-06-30T23:59:60Z", "Raspberry Pi"]
_EXTREMES = st.sampled_from([*_NUMBERS, *_OTHERS])


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 20), _EXTREMES), min_size=1, max_size=20),
    st.sampled_from(["sim", "train"]),
)
@settings(max_examples=150)
def test_captures_with_extreme_values(changes, which):
    lines = [json.loads(line) for line in (capture() if which == "sim" else train(40, 3e5, board="Raspberry Pi")).splitlines()]
    for where, key, value in changes:
        line = lines[where % len(lines)]
        line[list(line)[key % len(line)]] = value
    data = "\n".join(map(json.dumps, lines)).encode()
    ends_well(MEASURE_JSON, data)
    ends_well(MEASURE, data)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62)), max_size=60))
@example(steps=[(17, 514, 0), (9, 27345406, 0), (10, 1, 0)])  # an evenly spaced chain whose last edge stands alone
@settings(max_examples=150)
def test_trains_of_arbitrary_times(steps):
    lines, t = ['{"k":"head","format":1,"board":"Raspberry Pi 4"}'], 0
    for repeat, dt, shown in steps:
        for _ in range(repeat):
            t = max(-(2**63), min(2**63 - 1, t + (dt if repeat < 10 else 10**9)))
            lines.append(json.dumps({"k": "pps", "t": t, "shown": shown, "edge": "clear" if dt % 7 == 0 else "assert"}))
    ends_well(MEASURE_JSON, "\n".join(lines).encode())
