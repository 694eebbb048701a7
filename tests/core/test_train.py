"""Edges to pulses: numbered in true seconds, whatever is doubled, missing, rogue, of the wrong edge or at the wrong rate."""

from __future__ import annotations

import lzma
import random
from collections import Counter
from pathlib import Path

import pytest
from roof import NS, RATE, edge, pulses

from gpstime.core.train import Pulse, Train
from gpstime.model import PpsEdge, Rejected
from gpstime.times import RawNs, UnixNs


def feed(edges: list[PpsEdge]) -> tuple[Train, list[Pulse], Counter[str]]:
    train = Train()
    out = [result for e in edges for result in train.on_edge(e)]
    assert len(out) <= len(edges)
    reasons = Counter(result.reason for result in out if isinstance(result, Rejected))
    return train, [result for result in out if isinstance(result, Pulse)], reasons


def plain(at_ns: float) -> PpsEdge:
    return PpsEdge(RawNs(round(at_ns)), UnixNs(0))


def wrongly_numbered(found: list[Pulse]) -> list[Pulse]:
    """Pulses that are no second, or whose number is not their true second (counted from the first, within a run)."""
    offset = {}
    return [p for p in found if p.edge.seq < 0 or offset.setdefault(p.run, p.edge.seq - p.n) != p.edge.seq - p.n]


def test_clean_pulses_are_numbered_from_nought_and_the_first_are_held_until_they_agree() -> None:
    train = Train()
    out = [train.on_edge(edge(s)) for s in range(20)]
    assert [len(results) for results in out] == [0, 0, 0, 4] + [1] * 16
    assert [p.n for results in out for p in results if isinstance(p, Pulse)] == list(range(20))
    assert train.rate == pytest.approx(RATE, abs=1e-9)
    assert (train.rate_hz, train.interval_s, train.restarts) == (1.0, pytest.approx(RATE), 0)


@pytest.mark.parametrize("seed", range(20))
def test_doubled_missing_and_rogue_edges_change_no_number(seed: int) -> None:
    rng = random.Random(seed)
    edges = pulses(600, rng, noise_s=50e-6, missing=0.1, doubled=0.02, rogue=0.05)
    edges = sorted(edges, key=lambda e: e.at)
    train, found, reasons = feed(edges)
    assert wrongly_numbered(found) == []
    assert train.restarts == 0
    real = [e for e in edges if e.seq >= 0]
    assert len(real) - len(found) <= 3
    extra = len(edges) - len(real)
    assert extra - 2 <= reasons["duplicate-pulse"] + reasons["rogue-pulse"] <= extra + 3


def test_counting_edges_would_number_them_wrongly() -> None:
    """Control for the test above: the same edges, each taken for the next second."""
    edges = sorted(pulses(600, random.Random(0), missing=0.1, doubled=0.02, rogue=0.05), key=lambda e: e.at)
    assert any(e.seq not in (-1, i) for i, e in enumerate(edges))


@pytest.mark.parametrize("noise_s", [0.3e-6, 50e-6, 1e-3])
def test_stamping_outliers_of_milliseconds_are_pulses(noise_s: float) -> None:
    rng = random.Random(7)
    edges = [edge(s, rng.gauss(0, noise_s) + (rng.choice((-1, 1)) * 2.5e-3 if rng.random() < 0.05 else 0)) for s in range(500)]
    train, found, reasons = feed(edges)
    assert (len(found), reasons, train.restarts) == (500, Counter(), 0)
    assert wrongly_numbered(found) == []


def test_an_outlier_does_not_carry_the_gate_away() -> None:
    late = {100: 7e-3, 101: -7e-3, 102: 7e-3}
    train, found, reasons = feed([edge(s, late.get(s, 0.0)) for s in range(200)])
    assert (len(found), reasons, train.restarts) == (200, Counter(), 0)


@pytest.mark.parametrize("rate", [1.0, 1 + 40e-6, 1 - 500e-6, 0.99327, 1.02])
@pytest.mark.parametrize("gap", [1, 10, 120, 900])
def test_a_gap_is_counted_at_the_rate_of_the_clock(rate: float, gap: int) -> None:
    rng = random.Random(3)
    before, after = range(60), range(60 + gap, 120 + gap)
    train, found, _ = feed([edge(s, rng.gauss(0, 50e-6), rate=rate) for s in (*before, *after)])
    assert [p.n for p in found] == [*before, *after]
    assert train.restarts == 0


def test_a_gap_of_two_minutes_is_counted_after_five_noisy_pulses() -> None:
    for seed in range(50):
        rng = random.Random(seed)
        train, found, _ = feed([edge(s, rng.gauss(0, 300e-6)) for s in (*range(5), *range(125, 150))])
        assert wrongly_numbered(found) == []
        assert train.restarts == 0


def test_a_gap_too_long_to_count_restarts_and_never_reuses_a_number() -> None:
    """A resonator may have moved by 100 ppm: after three hours that is a second."""
    edges = [edge(s, rate=0.99327) for s in (*range(60), *range(11_000, 11_060))]
    train, found, _ = feed(edges)
    assert (train.restarts, len(found)) == (1, 120)
    assert [p.run for p in found] == [0] * 60 + [1] * 60
    numbers = [p.n for p in found]
    assert sorted(set(numbers)) == numbers


@pytest.mark.parametrize("size", [2, 4, 8])
def test_a_cluster_of_rogues_moves_nothing(size: int) -> None:
    """satpulse issue 29: several adjacent ones, here even on a raster of their own."""
    edges = [edge(s) if not 50 <= s < 50 + size else edge(s, 0.3, seq=-1) for s in range(120)]
    train, found, reasons = feed(edges)
    assert (train.restarts, len(found), reasons) == (0, 120 - size, Counter({"rogue-pulse": size}))
    assert wrongly_numbered(found) == []


def test_a_shift_that_lasts_restarts_the_train() -> None:
    edges = [edge(s) for s in range(50)] + [edge(s, 0.3) for s in range(50, 100)]
    train, found, reasons = feed(edges)
    assert (train.restarts, len(found), reasons) == (1, 100, Counter())
    assert found[50].n > found[49].n
    assert found[50].run == 1


def test_a_raw_clock_that_begins_anew_restarts_the_train() -> None:
    boot = [PpsEdge(RawNs(e.at - 7_000 * NS + 12_345_678), e.shown, seq=e.seq) for e in (edge(s) for s in range(40))]
    train, found, _ = feed([edge(s) for s in range(40)] + boot)
    assert (train.restarts, len(found)) == (1, 80)
    assert [p.n for p in found] == sorted({p.n for p in found})


def test_one_stamp_out_of_this_world_moves_nothing() -> None:
    for wild in (-6_000 * NS, 10**17, -7_010 * NS):
        stray = PpsEdge(RawNs(edge(50).at + wild), UnixNs(0), seq=-1)
        train, found, reasons = feed([edge(s) for s in range(50)] + [stray] + [edge(s) for s in range(50, 100)])
        assert (train.restarts, len(found), reasons.total()) == (0, 100, 1)


# ---- edges and rates --------------------------------------------------------------------------------------------------------


def both(width_s: float, count: int = 60, lead: str = "assert") -> list[PpsEdge]:
    trail = "clear" if lead == "assert" else "assert"
    return [e for s in range(count) for e in (edge(s, polarity=lead), edge(s, width_s, seq=-1, polarity=trail))]


@pytest.mark.parametrize("width_s", [0.0015, 0.02, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("lead", ["assert", "clear"])
def test_the_edge_that_begins_the_pulse_is_used_also_when_the_capture_is_inverted(width_s: float, lead: str) -> None:
    train, found, reasons = feed(both(width_s, lead=lead))
    assert (train.edge, len(found), train.restarts) == (lead, 60, 0)
    assert wrongly_numbered(found) == []
    assert reasons == {"wrong-edge": 60}
    assert train.width_s == pytest.approx(width_s, rel=1e-3)


def test_a_pulse_half_a_second_long_is_taken_at_its_assert_edge() -> None:
    train, found, _ = feed(both(0.5))
    assert (train.edge, len(found)) == ("assert", 60)
    assert train.width_s == pytest.approx(0.5, rel=1e-3)


def test_only_clear_edges_are_used_if_nothing_else_comes() -> None:
    train, found, reasons = feed([edge(s, polarity="clear") for s in range(30)])
    assert (train.edge, len(found), reasons) == ("clear", 30, Counter())


def test_when_one_edge_falls_silent_the_other_takes_over() -> None:
    edges = both(0.1, 30) + [edge(s, 0.1, polarity="clear") for s in range(30, 80)]
    train, found, _ = feed(edges)
    assert (train.edge, train.restarts) == ("clear", 1)
    assert found[-1].edge.seq == 79


@pytest.mark.parametrize(("width_s", "leads"), [(0.1, True), (0.8, False)])
def test_both_edges_under_one_name_are_told_apart_by_the_shorter_part(width_s: float, leads: bool) -> None:
    """GPIO libraries that are asked for both edges may not say which is which."""
    edges = [e for s in range(120) for e in (edge(s), edge(s, width_s, seq=-1))]
    _, found, reasons = feed(edges)
    assert all((p.edge.seq >= 0) == leads for p in found[-60:])
    assert reasons["wrong-edge"] > 80


@pytest.mark.parametrize("hz", [2, 4, 5, 10])
def test_a_fast_pulse_is_refused_and_named(hz: int) -> None:
    train, found, reasons = feed([plain(i * NS * RATE / hz) for i in range(30 * hz)])
    assert (found, train.rate_hz) == ([], hz)
    assert train.interval_s == pytest.approx(1 / hz, rel=1e-3)
    assert reasons["wrong-rate"] > 20 * hz


def test_a_pulse_that_becomes_fast_is_refused_from_then_on() -> None:
    for hz in (2, 10):
        edges = [edge(s) for s in range(30)] + [plain(edge(30).at + i * NS / hz) for i in range(60 * hz)]
        train, found, reasons = feed(edges)
        assert train.rate_hz == hz
        assert len(found) <= 50
        assert reasons["wrong-rate"] > 40 * hz
        assert found[-1].edge.at < edge(52).at


def test_a_fast_pulse_that_is_set_right_is_used() -> None:
    edges = [plain(edge(0).at + i * NS / 5) for i in range(100)] + [edge(s) for s in range(21, 60)]
    train, found, _ = feed(edges)
    assert train.rate_hz == 1.0
    assert [p.edge.seq for p in found[-30:]] == list(range(30, 60))


@pytest.mark.parametrize("every", [2, 8, 16])
def test_a_slow_pulse_is_numbered_in_seconds(every: int) -> None:
    train, found, reasons = feed([edge(s) for s in range(0, 60 * every, every)])
    assert [p.n for p in found] == list(range(0, 60 * every, every))
    assert train.rate_hz == pytest.approx(1 / every)
    assert train.rate == pytest.approx(RATE, rel=1e-6)
    assert reasons == Counter()


@pytest.mark.parametrize("counted", [52, 33, 23, 14, 5])
def test_a_timer_that_loses_ticks_is_no_other_pulse_rate(counted: int) -> None:
    """A CM4 at a low core clock counts 33 of 60 s (raspberrypi/linux 6016)."""
    rate = counted / 60
    train, found, _ = feed([plain(i * NS * rate) for i in range(200)])
    assert len(found) == 200
    assert train.rate == pytest.approx(rate, rel=1e-6)
    assert train.rate_hz == 1.0


def test_sentences_settle_what_looks_like_four_hertz() -> None:
    """15 of 60 s looks like a 4 Hz pulse; one sentence per edge says that it is a slow timer."""
    for per_edge in (1, 4):
        train = Train()
        out: list[Pulse | Rejected] = []
        for i in range(200):
            out += train.on_edge(plain(i * NS / 4))
            if i % per_edge == 0:
                train.on_second(1_700_000_000 + i // per_edge)
        pulses_found = [p for p in out if isinstance(p, Pulse)]
        if per_edge == 1:
            assert pulses_found[-1].n > 150
            assert train.rate == pytest.approx(0.25)
        else:
            assert pulses_found == []


def test_an_arduino_resonator_over_seventy_hours(shared_data: Path) -> None:
    """Real: 253 241 intervals in us, 602 of them missed, doubled or early pulses; by the file's median 6728 ppm slow."""
    text = lzma.decompress((shared_data / "clocks/arduino-pps/pps-interval-error-us.log.xz").read_bytes()).decode()
    at, edges = 0, [plain(0)]
    good = []
    for line in text.split():
        interval_us = 1_000_000 - int(float(line))
        at += interval_us * 1000
        edges.append(plain(at))
        if abs(interval_us - 993_272) < 2000:
            good.append(interval_us)
    train, found, reasons = feed(edges)
    assert train.restarts == 0
    assert reasons.total() < 30
    whole = (found[-1].at - found[0].at) / NS / (found[-1].n - found[0].n)
    assert whole == pytest.approx(sum(good) / len(good) / 1e6, abs=3e-6)


def test_no_sequence_of_edges_raises() -> None:
    for seed in range(60):
        rng = random.Random(seed)
        at, edges = 0, []
        for _ in range(300):
            at += round(rng.choice((NS, NS, NS // 2, 0, 5_000, -NS, rng.randrange(-(10**12), 10**12), 10**18, -(10**18))))
            edges.append(PpsEdge(RawNs(at), UnixNs(0), rng.choice(("assert", "assert", "clear"))))
        _, found, _ = feed(edges)
        assert len({p.n for p in found}) == len(found)


def test_a_rogue_just_before_a_pulse_does_not_take_its_place() -> None:
    edges = [e for s in range(120) for e in ([edge(s, -0.0105, seq=-1), edge(s)] if s % 10 == 5 else [edge(s)])]
    train, found, reasons = feed(edges)
    assert (len(found), reasons, train.restarts) == (120, {"rogue-pulse": 12}, 0)
    assert wrongly_numbered(found) == []


def test_stamps_that_scatter_by_milliseconds_widen_the_gate() -> None:
    rng = random.Random(5)
    train, found, _ = feed([edge(s, rng.gauss(0, 4e-3)) for s in range(600)])
    assert train.restarts == 0
    assert len(found) > 595
    assert wrongly_numbered(found) == []
