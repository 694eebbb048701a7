"""The decision tree when no pulse comes, and what edges tell of width, polarity and rate."""

from __future__ import annotations

import re
from itertools import product

import pytest

from gpstime.core.pulse_doctor import (
    Advice,
    PulseFacts,
    PulseSeen,
    PulseShape,
    ReceiverListener,
    ReceiverSeen,
    edge_by_delay,
    silent,
)
from gpstime.model import Epoch, PpsEdge, SerialBytes
from gpstime.times import NS, RawNs, UnixNs, UtcTime

PHY = PulseSeen("pps0 = ptp0 (the network interface's clock, not a receiver)", 3, receiver=False)
OURS = PulseSeen("pps1 = pps@12.-1 (GPIO18)", 0, chosen=True)
FIXED = ReceiverSeen(5000, 50, True, 9)
BLIND = ReceiverSeen(5000, 50, False, 0)


def first(**facts: object) -> Advice:
    return silent(PulseFacts(5.0, **facts))[0]  # type: ignore[arg-type]


# ---- no pulse (P10, F-P20) -----------------------------------------------------------------------------------------------------


def test_without_satellites_it_is_the_antenna_and_never_the_wiring() -> None:
    told = first(pulses=(PHY, OURS), receiver=BLIND)
    assert told.cause == "no satellites"
    assert told.text == (
        "pps1 = pps@12.-1 (GPIO18): no pulse in 5 s, receiver has 0 satellites: move the antenna to where it sees the sky."
    )


def test_wiring_is_named_only_with_a_fix() -> None:
    """Over every combination of what may be known."""
    combinations = list(product((None, 0, 500), (None, 0, 9), (None, False, True), (None, 0, 3, 9), (False, True)))
    assert len(combinations) == 216
    for heard, sentences, fix, satellites, had in combinations:
        facts = PulseFacts(5.0, pulses=(OURS,), receiver=ReceiverSeen(heard, sentences, fix, satellites), had_pulses=had)
        told = silent(facts)
        assert told, facts
        blames_the_wire = any(word in advice.text.lower() for advice in told for word in ("wiring", "the wire ", "the wire."))
        assert not blames_the_wire or fix or (fix is None and satellites == 9), facts


@pytest.mark.parametrize(
    ("facts", "cause", "remedy"),
    [
        ({"receiver": FIXED}, "wiring", "not as the header"),
        ({"receiver": FIXED, "had_pulses": True}, "pulse stopped", "look at the wire"),
        ({"receiver": ReceiverSeen(5000, 50, False, 3)}, "no fix", r"\(3 satellites\)"),
        ({"receiver": ReceiverSeen(5000, 50, False), "had_pulses": True}, "no fix", "comes back with the fix"),
        ({"receiver": ReceiverSeen(0, 0)}, "receiver silent", "power"),
        ({"receiver": ReceiverSeen(900, 0)}, "receiver unreadable", "baud"),
        ({}, "fix unknown", "gpstime nmea"),
        ({"old_option": "bcm2708.pps_gpio_pin=4", "receiver": FIXED}, "old option", "bcm2708.pps_gpio_pin=4"),
    ],
)
def test_a_silent_device(facts: dict[str, object], cause: str, remedy: str) -> None:
    told = first(pulses=(PHY, OURS), **facts)
    assert told.cause == cause
    assert re.search(remedy, told.text), told.text


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        ({}, "no overlay"),
        ({"overlay": False}, "no overlay"),
        ({"overlay": True}, "overlay not loaded"),
        ({"held_by": "onewire@12"}, "pin held"),
    ],
)
def test_no_device(facts: dict[str, object], cause: str) -> None:
    told = first(pulses=(PHY,), pin=4, **facts)
    assert told.cause == cause
    assert "4" in told.text


def test_another_device_ticks() -> None:
    told = first(pulses=(OURS, PulseSeen("pps2 = pps@4.-1 (GPIO4)", 5)), receiver=BLIND)
    assert (told.cause, "pps2 = pps@4.-1 (GPIO4) ticks" in told.text) == ("wrong device", True)


def test_a_network_clock_that_ticks_is_no_pulse() -> None:
    assert first(pulses=(PHY, OURS), receiver=BLIND).cause == "no satellites"
    assert first(pulses=(PulseSeen("pps0 = ptp0", 0, receiver=False, chosen=True),)).cause == "no receivers pulse"


def test_a_pulse_that_ticks_needs_no_doctor() -> None:
    assert silent(PulseFacts(5.0, pulses=(PulseSeen("pps1", 5, chosen=True),), receiver=BLIND)) == []


# ---- the shape (P22, F-P12, F-P23) ---------------------------------------------------------------------------------------------


def shape(period_s: float = 1.0, high_s: float | None = None, n: int = 40) -> tuple[PulseShape, list[str]]:
    pulse, causes = PulseShape("pps1"), []
    for k in range(n):
        at = round((100 + k * period_s) * NS)
        causes += [advice.cause for advice in pulse.on("assert", at)]
        if high_s is not None:
            causes += [advice.cause for advice in pulse.on("clear", at + round(high_s * NS))]
    return pulse, causes


@pytest.mark.parametrize("width_s", [0.001, 0.02, 0.1, 0.2])
def test_width_and_polarity(width_s: float) -> None:
    pulse, causes = shape(high_s=width_s)
    assert (pulse.width_ns, pulse.period_ns, causes) == (round(width_s * NS), NS, [])
    _, causes = shape(high_s=1 - width_s)
    assert causes == ["inverted"]


def test_an_even_pulse_is_told_once() -> None:
    assert shape(high_s=0.5, n=200)[1] == ["even pulse"]


@pytest.mark.parametrize("period_s", [0.1, 0.5, 2.0])
def test_rates_that_are_none(period_s: float) -> None:
    assert shape(period_s)[1] == ["wrong rate"]
    assert shape(period_s, period_s / 10)[1] == ["wrong rate"]


def test_a_clock_that_is_far_off_is_no_wrong_rate() -> None:
    assert shape(1.08, 0.1)[1] == []


def test_one_edge_alone_says_nothing_of_the_width() -> None:
    pulse, causes = shape()
    assert (pulse.width_ns, causes) == (None, [])


def test_missing_and_doubled_pulses_do_not_change_the_verdict() -> None:
    """F-P09, F-P10: one in ten missing, one in ten doubled."""
    pulse, causes = PulseShape("pps1"), []
    for k in range(200):
        if k % 10 == 3:
            continue
        at = (100 + k) * NS
        for twice in (0, 5_000) if k % 10 == 7 else (0,):
            causes += pulse.on("assert", at + twice)
        causes += pulse.on("clear", at + NS // 10)
    assert causes == []
    assert pulse.period_ns == NS


@pytest.mark.parametrize(("delay_ms", "edge"), [(400, "assert"), (900, "clear"), (150, None), (650, None), (-100, "clear")])
def test_the_edge_of_an_even_pulse_by_the_sentences_delay(delay_ms: float, edge: str | None) -> None:
    assert edge_by_delay(delay_ms) == edge


# ---- what the receiver said meanwhile ------------------------------------------------------------------------------------------


def test_the_listener_counts_since_the_last_pulse_and_keeps_the_last_word_on_the_fix() -> None:
    heard, at, noon = ReceiverListener(), RawNs(0), UtcTime.parse("2026-03-01T12:00:00Z")
    assert heard.seen() == ReceiverSeen(0, 0, None)
    heard(SerialBytes(at, b"$GNRMC"))
    heard(Epoch(at, at, noon, False, "RMC", fix=False))
    heard(Epoch(at, at, noon, False, "ZDA"))
    assert heard.seen() == ReceiverSeen(6, 2, False)
    heard(PpsEdge(at, UnixNs(0)))
    assert heard.seen() == ReceiverSeen(0, 0, False)
    heard(Epoch(at, at, noon, True, "RMC", fix=True))
    assert heard.seen() == ReceiverSeen(0, 1, True)
