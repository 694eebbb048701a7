"""The delay of sentences over hours: one a minute, the median of them, and their wandering in the spread."""

from __future__ import annotations

from gpstime.core.delay import WINDOW, Delay
from gpstime.core.long_delay import APART_NS, MINUTES, LongDelay
from gpstime.times import NS, RawNs


def test_nothing_before_a_whole_minute() -> None:
    long = LongDelay()
    long.add(RawNs(0), None)
    long.add(RawNs(NS), Delay(150_000_000, 8_000_000, WINDOW - 1))
    assert long.delay is None
    long.add(RawNs(2 * NS), Delay(150_000_000, 8_000_000, WINDOW))
    assert long.delay == Delay(150_000_000, 8_000_000, WINDOW)


def test_each_burst_once() -> None:
    long = LongDelay()
    for second in range(600):
        long.add(RawNs(second * NS), Delay(150_000_000, 8_000_000, WINDOW))
    assert long.delay is not None
    assert long.delay.n == WINDOW * (600 // WINDOW + 1)


def test_what_wanders_from_minute_to_minute_is_in_the_spread() -> None:
    """3 ms within a minute and +-40 ms from one to another: what a constant has to cover is 40 ms."""
    long = LongDelay()
    for i in range(101):
        long.add(RawNs(i * APART_NS), Delay(300_000_000 + (i - 50) * 800_000, 3_000_000, WINDOW))
    assert long.delay is not None
    assert long.delay.median_ns == 300_000_000
    assert abs(long.delay.spread_ns - 23_514_000) < 10_000  # sqrt(3^2 + 0.8^2 (101^2 - 1) / 12) ms


def test_bounded_and_forgotten_with_the_receiver() -> None:
    long = LongDelay()
    for i in range(MINUTES + 100):
        long.add(RawNs(i * APART_NS), Delay(i, 1, WINDOW))
    assert long.delay is not None
    assert long.delay.n == MINUTES * WINDOW
    assert long.delay.median_ns == round(100 + (MINUTES - 1) / 2)
    long.forget()
    assert long.delay is None
