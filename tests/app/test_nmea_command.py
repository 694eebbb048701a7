"""`gpstime nmea`: what it prints, how it ends, and what it does with files that are none."""

from __future__ import annotations

import io
import json
import lzma
import random
import subprocess
import sys
import tracemalloc
from functools import reduce
from operator import xor

import pytest

from gpstime.app.nmea import nmea
from gpstime.cli import main
from gpstime.errors import CaptureError, CaptureUnreadable


def line(body: str) -> bytes:
    raw = body.encode("ascii")
    return b"$%b*%02X\r\n" % (raw, reduce(xor, raw, 0))


def rmc(second: int) -> bytes:
    return line(f"GNRMC,1718{second:02}.00,A,4404.14063,N,12118.85478,W,0.117,,180315,,,A,V")


SAMPLE = (
    rmc(52)
    + line("GNGGA,171852.00,4404.1,N,12118.8,W,1,12,0.91,1147.2,M,-21.3,M,,")
    + b"$GPZDA,1718\r\n"
    + line("GPTXT,01,01,01,ANTENNA OK")
)
EXPECTED = [
    '{"k":"epoch","utc":"2015-03-18T17:18:52.000Z","valid":true,"sentence":"GNRMC"}',
    '{"k":"epoch","utc":"2015-03-18T17:18:52.000Z","valid":false,"sentence":"GNGGA"}',
    '{"k":"rejected","reason":"no-checksum"}',
    '{"k":"summary","epochs":2,"valid":1,"rejected":{"no-checksum":1}}',
]


def run(file, json=True) -> tuple[int, str]:
    out = io.StringIO()
    return nmea(str(file), json=json, out=out), out.getvalue()


def capture(*chunks: bytes) -> bytes:
    head = json.dumps({"k": "head", "format": 1, "board": "x"})
    lines = [json.dumps({"k": "serial", "t": i * 10**9, "hex": chunk.hex()}) for i, chunk in enumerate(chunks)]
    return "\n".join([head, *lines, ""]).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("raw.nmea", SAMPLE),
        ("raw.nmea.xz", lzma.compress(SAMPLE)),
        ("two-streams.xz", lzma.compress(SAMPLE[:50]) + lzma.compress(SAMPLE[50:])),
        ("night.jsonl", capture(SAMPLE)),
        ("portioned.jsonl", capture(SAMPLE[:10], SAMPLE[10:33], SAMPLE[33:])),
        ("night.jsonl.xz", lzma.compress(capture(SAMPLE))),
    ],
)
def test_json_is_the_same_from_every_kind_of_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    code, out = run(tmp_path / name)
    assert code == 0
    assert out.splitlines() == EXPECTED


def test_stdin(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SAMPLE)))
    code, out = run("-")
    assert (code, out.splitlines()) == (0, EXPECTED)


def test_each_port_of_a_capture_has_a_parser_of_its_own(tmp_path):
    """Two receivers that talk at once: their sentences come in pieces, one piece of each in turn."""
    a, b = rmc(1), rmc(2)
    lines = [{"k": "head", "format": 1}]
    for i in range(0, 80, 8):
        lines += [{"k": "serial", "t": i, "hex": x[i : i + 8].hex(), "port": port} for port, x in (("a", a), ("b", b))]
    (tmp_path / "two.jsonl").write_text("\n".join(map(json.dumps, lines)))
    _, out = run(tmp_path / "two.jsonl")
    assert json.loads(out.splitlines()[-1]) == {"k": "summary", "epochs": 2, "valid": 2, "rejected": {}}


def test_a_lost_port_cuts_the_sentence(tmp_path):
    lines = [
        {"k": "head", "format": 1},
        {"k": "serial", "t": 1, "hex": rmc(1)[:30].hex(), "port": "a"},
        {"k": "lost", "t": 2, "source": "a", "reason": "unplugged"},
        {"k": "serial", "t": 3, "hex": (rmc(1)[30:] + rmc(2)).hex(), "port": "a"},
    ]
    (tmp_path / "lost.jsonl").write_text("\n".join(map(json.dumps, lines)))
    _, out = run(tmp_path / "lost.jsonl")
    assert json.loads(out.splitlines()[-1]) == {"k": "summary", "epochs": 1, "valid": 1, "rejected": {"truncated": 1}}


def test_gpsds_own_json_is_no_capture(tmp_path):
    (tmp_path / "log").write_bytes(b'{"class":"VERSION","release":"3.23"}\r\n' + SAMPLE)
    assert run(tmp_path / "log")[0] == 0


def test_text_for_people(tmp_path):
    (tmp_path / "raw.nmea").write_bytes(SAMPLE + b"\xb5b\x01\x07" + bytes(60))
    code, out = run(tmp_path / "raw.nmea", json=False)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "2015-03-18T17:18:52.000Z  valid   GNRMC"
    assert lines[1] == "2015-03-18T17:18:52.000Z  fix     GNGGA  (date of another sentence)"
    assert lines[2].split() == ["rejected", "no-checksum:", "$GPZDA,1718"]
    assert "noise: UBX binary, b5 62 01 07 00" in lines[3]
    assert "2 epochs, 1 of them valid" in out
    assert "sentences: GGA 1, RMC 1, TXT 1" in out
    assert "rejected: no-checksum 1, noise 1" in out
    assert "at the end: fix, 12 satellites used, HDOP 0.91" in out
    assert "it says: ANTENNA OK" in out


def test_decimals_are_cut_at_three(tmp_path):
    (tmp_path / "f").write_bytes(line("GPRMC,235959.9999,A,,,,,,,311216,,,A") + line("GPRMC,235960,A,,,,,,,311216,,,A"))
    assert [json.loads(x).get("utc") for x in run(tmp_path / "f")[1].splitlines()[:2]] == [
        "2016-12-31T23:59:59.999Z",
        "2016-12-31T23:59:60.000Z",
    ]


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"", "no NMEA at all"),
        (b"\0\xff" * 500, "not one whole sentence"),
        (b"$GPRMC,120000,A,1\r\n" * 3, "no checksum"),
        (line("GPRMC,,V,,,,,,,,,,N"), "no time yet"),
        (line("GPGGA,120000,4404.1,N,12118.8,W,1,12,0.91,1147.2,M,-21.3,M,,"), "RMC or ZDA must be switched on"),
        (line("GPGSV,1,1,00"), "RMC or ZDA must be switched on"),
    ],
)
def test_without_an_epoch_it_says_why(tmp_path, capsys, content, hint):
    (tmp_path / "f").write_bytes(content)
    assert run(tmp_path / "f")[0] == 1
    err = capsys.readouterr().err
    assert hint in err
    assert str(tmp_path / "f") in err
    assert err.count("\n") == 1


def test_what_cannot_be_read_is_named_with_a_remedy(tmp_path, capsys):
    for name in (tmp_path / "absent", tmp_path, "nul\0name"):
        with pytest.raises(CaptureUnreadable, match="give a file of receiver output"):
            run(name)
        assert main(["nmea", str(name), "--json"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1


def test_a_forbidden_file(tmp_path, capsys, monkeypatch):
    def forbidden(name, mode):
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr("gpstime.app.nmea.open", forbidden, raising=False)  # a mode of 0 keeps no root out
    assert main(["nmea", "secret.log"]) == 2
    assert "can't read secret.log: Permission denied" in capsys.readouterr().err


def test_a_damaged_xz_gives_what_stood_before_and_says_the_damage(tmp_path, capsys):
    content = b"".join(rmc(i % 60) + line(f"GPTXT,01,01,02,{random.Random(i).getrandbits(128)}") for i in range(6000))
    whole = lzma.compress(content)
    for damaged in (whole[: len(whole) // 2], whole[: len(whole) // 2] + bytes(40) + whole[len(whole) // 2 + 40 :]):
        (tmp_path / "f.xz").write_bytes(damaged)
        assert main(["nmea", str(tmp_path / "f.xz"), "--json"]) == 0  # there were epochs
        captured = capsys.readouterr()
        assert "xz -t" in captured.err
        lines = captured.out.splitlines()
        assert len(lines) > 1000
        assert json.loads(lines[-1])["epochs"] == len(lines) - 1 - sum(json.loads(lines[-1])["rejected"].values())
        assert captured.err.count("\n") == 1


def test_a_damaged_xz_without_an_epoch_is_an_error(tmp_path, capsys):
    whole = lzma.compress(random.Random(1).randbytes(200_000))
    (tmp_path / "f.xz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CaptureError, match="xz -t"):
        run(tmp_path / "f.xz")
    assert main(["nmea", str(tmp_path / "f.xz")]) == 2


def test_any_file_ends_with_0_1_or_2_and_a_sentence(tmp_path, capsys):
    """Random, truncated and bit-flipped files of every kind."""
    rng = random.Random(11)
    kinds = [
        SAMPLE * 20,
        lzma.compress(SAMPLE * 20),
        capture(SAMPLE, SAMPLE),
        lzma.compress(capture(SAMPLE, SAMPLE)),
        rng.randbytes(5000),
        b"",
    ]
    seen = set()
    for i in range(300):
        content = bytearray(rng.choice(kinds))
        if content and i % 3 == 0:
            del content[rng.randrange(len(content)) :]
        for _ in range(rng.choice([0, 1, 1, 5, 50])):
            if content:
                content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (tmp_path / "f").write_bytes(content)
        code = main(["nmea", str(tmp_path / "f"), *(["--json"] if i % 2 else [])])
        err = capsys.readouterr().err
        assert code in (0, 1, 2)
        assert err.count("\n") == (code != 0) or "damaged" in err, err
        seen.add(code)
    assert seen == {0, 1, 2}


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    (tmp_path / "f").write_bytes(b"".join(rmc(i % 60) for i in range(20_000)))
    command = [sys.executable, "-m", "gpstime", "nmea", str(tmp_path / "f")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_memory_does_not_grow_with_the_file(tmp_path):
    """What is held at any moment is a few portions: four times the file takes no more memory."""
    peaks = []
    for size in (300_000, 300_000, 1_200_000):
        (tmp_path / "f").write_bytes(SAMPLE * (size // len(SAMPLE)))
        tracemalloc.start()
        run_null(tmp_path / "f")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 100_000


def run_null(file) -> None:
    class Null(io.TextIOBase):
        def write(self, text: str) -> int:
            return len(text)

    assert nmea(str(file), json=True, out=Null()) == 0
