"""The fuzz target itself: a bounded, seeded run of it in the tests, and twins of the parser that it must catch."""

from __future__ import annotations

import random

import fuzz_nmea
import pytest

from gpstime.core import framing, nmea
from gpstime.model import Epoch


def run(inputs: int, seed: int = 3) -> None:
    rng = random.Random(seed)
    corpus = fuzz_nmea.seeds()
    lasting: list[object] = []
    for seed_input in corpus:
        fuzz_nmea.check(b"\x07" + seed_input, lasting)
    for _ in range(inputs):
        fuzz_nmea.check(fuzz_nmea.mutated(rng, corpus), lasting)


def test_a_few_hundred_mutations():
    run(400)


def test_the_seeds_reach_every_kind_of_result():
    found = set()
    for seed in fuzz_nmea.seeds():
        parser = nmea.Nmea()
        found |= {"epoch" if isinstance(r, Epoch) else r.reason for r in parser.feed(seed, 0) + parser.finish()}
    assert found >= {"epoch", "no-time", "no-date", "too-long", "truncated", "malformed", "bad-checksum", "noise"}


def test_a_framer_that_forgets_a_too_long_line_is_caught(monkeypatch):
    class Forgetful(framing.Framer):
        def __setattr__(self, name, value):
            super().__setattr__(name, False if name == "_skipping" else value)

    monkeypatch.setattr(nmea, "Framer", Forgetful)
    with pytest.raises(AssertionError, match="portions make a difference"):
        run(400)


def test_a_framer_that_hoards_is_caught(monkeypatch):
    monkeypatch.setattr(framing, "LIMIT", 10**9)
    with pytest.raises(AssertionError):
        run(400)


def test_a_parser_that_raises_is_caught(monkeypatch):
    monkeypatch.setattr(nmea, "day_of_ddmmyy", lambda field: int(field))
    with pytest.raises(ValueError, match="invalid literal"):
        run(400)


def test_a_parser_that_keeps_what_it_has_read_is_caught(monkeypatch, capsys):
    kept = []

    class Hoarding(nmea.Nmea):
        def feed(self, data, *args):
            kept.append(bytes(data) + bytes(1000))
            return super().feed(data, *args)

    clock = iter(range(10**6))
    monkeypatch.setattr(fuzz_nmea.time, "monotonic", lambda: next(clock))
    assert fuzz_nmea.run_mutations(60, seed=1) == 0
    monkeypatch.setattr(nmea, "Nmea", Hoarding)
    assert fuzz_nmea.run_mutations(60, seed=1) == 1
    assert "memory grows" in capsys.readouterr().err
