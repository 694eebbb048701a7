"""Rubbish for the NMEA reader: nothing raised, portions change nothing, memory flat. `make fuzz` runs it.

With atheris (PCs: it has wheels for x86-64 only) four fifths of the time are coverage-guided; the rest, or all of it without
atheris, is a seeded loop of mutations under tracemalloc. Exit code 1, and the input in hex, if anything is wrong.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
import tracemalloc
from functools import reduce
from operator import xor
from pathlib import Path

REASONS = {
    "bad-checksum", "no-checksum", "malformed", "bad-time", "bad-date", "no-time", "no-date", "too-long", "noise", "truncated",
}  # fmt: skip
LONGEST_INPUT = 4096
HELD_BOUND = 1024
"""Bytes that the framer may hold back: an unfinished sentence, and the beginning of a stretch of noise."""
GROWTH_BOUND = 100_000
"""Bytes that may be added between a quarter of the time and its end: the parser that lives as long as the run meets new kinds."""


def line(body: str, start: bytes = b"$", end: bytes = b"\r\n") -> bytes:
    raw = body.encode("latin-1")
    return start + raw + b"*%02X" % reduce(xor, raw, 0) + end


def seeds() -> list[bytes]:
    """Small made-up captures: what receivers say, at a cold start, at midnight, damaged, and between binary."""
    fixed = "4404.14063,N,12118.85478,W"
    cold = line("GPRMC,000001.000,V,,,,,,,050180,,,N") + line("GPGGA,000001.000,,,,,0,00,,,M,,M,,") + line("GNRMC,,V,,,,,,,,,,N")
    good = line(f"GNRMC,171852.00,A,{fixed},0.117,,180315,,,A,V") + line(f"GNGGA,171852.00,{fixed},1,12,0.91,1147.2,M,-21.3,M,,")
    night = (
        line("GPGGA,235959.9,,,,,1,04,,,M,,M,,")
        + line(f"GPRMC,235960,A,{fixed},0,0,311216,,")
        + line("GPZDA,000000.00,01,01,2017,00,00")
    )
    others = line(f"GPGLL,{fixed},171852.00,A,A", end=b"\n") + line(
        f"GNGNS,171852.00,{fixed},AANN,13,0.93,1482.5,-16.5,,", end=b"\r"
    )
    makers = line("PUBX,04,073731.00,091202,113851.00,1196,15D,1930035,-2660.664,43") + line("PMTK001,314,3") + line("PGRMC,A,1,2")
    ais = line("AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0", start=b"!")
    ubx = b"\xb5b\x01\x07\x08\x00$A!*\r\n\xff\x00\x12\x34" + b"\xd3\x00\x13" + b"\x3e\xd0\x00\x03" * 4
    long = b"$GPTXT,01,01,02," + b"x" * 140 + b"*00\r\n"
    cut = good[:40] + good + good[60:] + b"\0" + good.replace(b"*", b"*G") + good.replace(b"0", b"1")
    return [
        cold,
        good,
        night,
        others + good,
        makers,
        ais + good + ais,
        ubx + good + ubx,
        long + good,
        cut,
        good[20:] + cold + night,
    ]


TOKENS = (
    b"$GPRMC,",
    b"$GNZDA,",
    b"$PUBX,04,",
    b"!AIVDM",
    b"*",
    b"\r\n",
    b"$",
    b",A,",
    b",V,",
    b"235960",
    b"290200",
    b"\xb5b",
    b"*00\r\n",
)


def repaired(stream: bytes) -> bytes:
    """The stream with right checksums: mutations would hardly ever get past the checksum to the fields otherwise."""
    return re.sub(rb"\$([^$!*\r\n]{1,124})\*..", lambda m: b"$%b*%02X" % (m[1], reduce(xor, m[1])), stream, flags=re.DOTALL)


def check(data: bytes, lasting: list[object]) -> None:
    """One input: its first byte says how the rest is cut into portions, and (odd) whether its checksums are to be right.

    AssertionError if anything is wrong.
    """
    from gpstime.core.nmea import Nmea
    from gpstime.model import Epoch
    from gpstime.times import RawNs

    rng = random.Random(data[:1])
    stream = repaired(data[1:]) if data[:1] and data[0] % 2 else data[1:]
    whole, cut = Nmea(), Nmea()
    expected = whole.feed(stream, RawNs(0)) + whole.finish()
    pieces = []
    done = 0
    while done < len(stream):
        size = rng.choice((1, 1, 2, 5, 17, 64, 300))
        pieces += cut.feed(stream[done : done + size], RawNs(rng.randrange(10**12)))
        done += size
    pieces += cut.finish()

    def content(results: list[object]) -> list[tuple[object, ...]]:
        return [
            (r.second, r.valid, r.sentence, r.dated, r.fix) if isinstance(r, Epoch) else (r.reason, r.raw)  # type: ignore[attr-defined]
            for r in results
        ]

    assert content(pieces) == content(expected), "portions make a difference"
    assert whole.seen == cut.seen
    for result in expected:
        if isinstance(result, Epoch):
            assert 0 <= result.second.ns_of_day < 86_401 * 10**9
            assert not result.valid or result.sentence[2:] == "RMC"
        else:
            assert result.reason in REASONS
            assert len(result.raw) <= 128
    if not lasting:
        lasting.append(Nmea())
    (parser,) = lasting
    assert isinstance(parser, Nmea)
    parser.feed(stream, RawNs(0))  # never finished: what is held back goes over into the next input
    held = sum(len(v) for v in vars(parser._framer).values() if isinstance(v, bytes))
    assert held <= HELD_BOUND, f"{held} bytes held back"
    assert len(parser.seen) <= 257, "kinds of sentences without bound"


# ---- coverage-guided, in a process of its own: libFuzzer ends it -----------------------------------------------------------------


def guided(corpus: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["gpstime.core"]):
        import gpstime.core.nmea  # noqa: F401

    lasting: list[object] = []
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_INPUT}",
        f"-artifact_prefix={corpus}/",
        f"-dict={corpus}/../tokens",
    ]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", "-verbosity=0", corpus], lambda data: check(data, lasting))
    atheris.Fuzz()


def run_guided(seconds: int) -> int:
    """Fuzz with atheris; its exit code, the failing input printed in hex."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for i, seed in enumerate(seeds()):
            (corpus / f"seed-{i}").write_bytes(b"\x07" + seed)
        tokens = ('"' + "".join(f"\\x{byte:02x}" for byte in token) + '"' for token in TOKENS)
        (Path(folder) / "tokens").write_text("\n".join(tokens) + "\n")
        code = subprocess.run(
            [sys.executable, __file__, "--guided", str(corpus), "--seconds", str(seconds)], check=False
        ).returncode
        for crash in corpus.glob("crash-*"):
            print(f"this input fails: {crash.read_bytes().hex()}", file=sys.stderr)
        print(f"atheris: {len(list(corpus.iterdir()))} inputs kept in {seconds} s, exit code {code}")
        return code


# ---- seeded mutations ------------------------------------------------------------------------------------------------------------


def mutated(rng: random.Random, corpus: list[bytes]) -> bytes:
    data = bytearray(b"".join(rng.choices(corpus, k=rng.randrange(1, 4))))
    for _ in range(rng.choice((0, 1, 2, 4, 16))):
        at = rng.randrange(len(data) + 1)
        way = rng.randrange(6)
        if way == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            data[at:at] = rng.choice(TOKENS)
        elif way == 2:
            del data[at : at + rng.choice((1, 1, 3, 20, 100))]
        elif way == 3:
            data[at:at] = rng.randbytes(rng.choice((1, 2, 8, 200)))
        elif way == 4:
            data[at:at] = data[max(0, at - rng.randrange(100)) : at]
        else:
            data[at:at] = bytes([rng.choice((0, 0xFF, 0x24, 0x2A, 0x0D))]) * rng.choice((1, 130, 3000))
    return bytes([rng.randrange(256)]) + bytes(data[: 2 * LONGEST_INPUT])


def kept() -> int:
    """Bytes in use once rings of dead objects are gone: how many of them await the collector is chance, some 200 kB."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def run_mutations(seconds: float, seed: int) -> int:
    """Mutations of the seeds for this long, memory watched; 0 if all is well."""
    rng = random.Random(seed)
    corpus = seeds()
    lasting: list[object] = []
    began = time.monotonic()
    inputs = early = 0
    tracemalloc.start()
    while (passed := time.monotonic() - began) < seconds:
        data = mutated(rng, corpus)
        try:
            check(data, lasting)
        except Exception as e:
            print(f"{type(e).__name__}: {e}\nthis input fails: {data.hex()}", file=sys.stderr)
            return 1
        inputs += 1
        if not early and 4 * passed >= seconds:
            early = kept()
    now, peak = kept(), tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    memory = f"{early / 1e3:.0f} kB -> {now / 1e3:.0f} kB, peak {peak / 1e3:.0f} kB"
    print(f"mutations: {inputs} inputs in {seconds:.0f} s, memory {memory}")
    if early and now - early > GROWTH_BOUND:
        print("memory grows", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1, help="of the mutations")
    parser.add_argument("--guided", metavar="CORPUS", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.guided:
        guided(args.guided, args.seconds)
        return 0
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not here (it has wheels for PCs with CPython up to 3.13): seeded mutations alone")
        return run_mutations(args.seconds, args.seed)
    code = run_guided(max(1, args.seconds * 4 // 5))
    return 1 if code else run_mutations(max(1, args.seconds // 5), args.seed)


if __name__ == "__main__":
    sys.exit(main())
