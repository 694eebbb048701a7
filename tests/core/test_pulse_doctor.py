"""The decision tree when no pulse comes, and what the receiver says meanwhile."""

from __future__ import annotations

import re
from itertools import product

import pytest

from gpstime.core.pulse_doctor import (
    Advice,
    PulseFacts,
    PulseSeen,
    ReceiverListener,
    ReceiverSeen,
    satellites,
    silent,
)
from gpstime.model import DeviceLost, Epoch, PpsEdge, Rejected, SerialBytes
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
    for heard, sentences, fix, count, had in combinations:
        facts = PulseFacts(5.0, pulses=(OURS,), receiver=ReceiverSeen(heard, sentences, fix, count), had_pulses=had)
        told = silent(facts)
        assert told, facts
        blames_the_wire = any(word in advice.text.lower() for advice in told for word in ("wiring", "the wire ", "the wire."))
        assert not blames_the_wire or fix or (fix is None and count == 9), facts


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


# ---- what the receiver said meanwhile ------------------------------------------------------------------------------------------


def test_the_listener_counts_since_the_last_pulse_and_keeps_the_last_word_on_the_fix() -> None:
    heard, at, noon = ReceiverListener(), RawNs(0), UtcTime.parse("2026-03-01T12:00:00Z")
    assert heard.seen() == ReceiverSeen(0, 0, None)
    heard(SerialBytes(at, b"$GNRMC"))
    heard(Epoch(at, at, noon, False, "RMC", fix=False))
    heard(Epoch(at, at, noon, False, "ZDA"))
    assert heard.seen() == ReceiverSeen(6, 2, False)
    heard(Rejected(at, "nmea", "no-time", b"$GNRMC,,V"))
    heard(Rejected(at, "nmea", "bad-checksum", b"$GNRMC,,V"))
    assert heard.seen() == ReceiverSeen(6, 3, False), "a receiver that knows no time yet can be read all the same"
    heard(PpsEdge(at, UnixNs(0)))
    assert heard.seen() == ReceiverSeen(0, 0, False)
    heard(Epoch(at, at, noon, True, "RMC", fix=True))
    assert heard.seen() == ReceiverSeen(0, 1, True)


@pytest.mark.parametrize(("after_ms", "told"), [(150, 150), (505, 505), (995, 995), (4, 4), (1040, 40)])
def test_the_listener_knows_how_long_after_an_assert_edge_bursts_begin(after_ms: int, told: int) -> None:
    heard, noon = ReceiverListener(), UtcTime.parse("2026-03-01T12:00:00Z")
    for k in range(40):
        heard(PpsEdge(RawNs(k * NS), UnixNs(0)))
        heard(PpsEdge(RawNs(k * NS + NS // 2), UnixNs(0), "clear"))
        assert k >= 16 or heard.after_assert() is None
        begun = RawNs(k * NS + after_ms * 1_000_000 + (k % 5 - 2) * 3_000_000)
        for sentence in ("RMC", "ZDA"):  # a burst counts once
            heard(Epoch(begun, begun, noon, True, sentence, fix=True))
    middle, spread = heard.after_assert() or (0.0, 0.0)
    assert abs((middle - told + 500) % 1000 - 500) <= 3
    assert 2 < spread < 6
    heard(DeviceLost(RawNs(0), "serial", "unplugged"))
    assert heard.after_assert() is None


@pytest.mark.parametrize(
    ("said", "count"),
    [
        (b"", None),
        (b"$GNRMC,120000.00,V,,,,,,,010327,,,N*5A\r\n", None),
        (b"$GPGSV,1,1,00*79\r\n$GLGSV,1,1,00*65\r\n", 0),
        (b"$GPGSV,3,1,11,01,,,30*4A\r\n$GPGSV,3,2,11,04,,,*4A\r\n$GLGSV,1,1,02,65,,,*4A\r\n", 13),
        (b"$GPGSV,3,1,11,01*4A\r\n$GPGSV,1,1,00*79\r\n", 0),  # the last word counts
        (b"$GNGGA,120000,,,,,0,00,99.9,,,,,,*5A\r\n", 0),
        (b"$GNGGA,120000,5128.6,N,00000.0,W,1,07,1.1,4,M,,,,*5A\r\n", 7),
        (b"$GPGSV,3,1,", None),
    ],
)
def test_satellites_in_view_or_used_or_unknown(said: bytes, count: int | None) -> None:
    assert satellites(said) == count
    heard = ReceiverListener()
    for k in range(0, len(said), 20):  # portions cut anywhere
        heard(SerialBytes(RawNs(k), said[k : k + 20]))
    assert heard.seen().satellites == count
