"""Baud pacing, the reader's chunks, and what a UART at another rate hears."""

from __future__ import annotations

import random

import pytest
from simulated import run, text

from gpstime.core.nmea import Nmea
from gpstime.model import Epoch, SerialBytes
from gpstime.sim.faults import fault
from gpstime.sim.line import Line, uart
from gpstime.sim.oscillator import Oscillator

PERFECT = Oscillator(ppm=0.0, white_fm=0.0, walk_fm=0.0)
LINE = b"$GPRMC,120000.000,A,5128.6720,N,00000.0510,W,0.03,194.17,010326,,,A*7A\r\n"


@pytest.mark.parametrize("baud", [4800, 9600, 115_200])
def test_bytes_come_at_the_rate_of_the_line(baud: int) -> None:
    line = Line(baud, 20.0, 1, ())
    chunks = line.send(0, 150_000_000, LINE * 5)
    assert b"".join(c for _, c in chunks) == LINE * 5
    sent = 0
    for at, chunk in chunks:
        assert at == pytest.approx(150_000_000 + sent * 1e10 / baud, abs=1)
        assert len(chunk) <= max(1, baud * 0.020 / 10)
        sent += len(chunk)
    assert line.busy_until == pytest.approx(150_000_000 + len(LINE * 5) * 1e10 / baud, abs=2)


def test_a_burst_waits_for_the_one_before_it() -> None:
    line = Line(4800, 20.0, 1, ())
    line.send(0, 0, LINE)
    first_done = line.busy_until
    assert line.send(0, 1000, LINE)[0][0] == first_done


def test_a_full_buffer_loses_the_burst() -> None:
    line = Line(4800, 20.0, 1, (fault("backlog", buffer=0.1),))
    assert line.send(0, 0, LINE)
    assert line.send(0, 10_000_000, LINE) == [], "152 ms are waiting, 100 fit"


@pytest.mark.parametrize("name", ["ublox-m8", "mtk3339", "l76"])
def test_what_does_not_fit_into_the_second_is_not_sent(name: str) -> None:
    _, events = run(duration_s=60, personality=name, baud=4800)
    heard = text(events)
    assert len(heard) <= 60 * 480
    assert heard.count(b"RMC,") == 60, "RMC comes through"
    _, fast = run(duration_s=60, personality=name, baud=115_200)
    lost = text(fast).count(b"GSV,") - heard.count(b"GSV,")
    assert (lost > 0) == (name != "mtk3339")
    assert (b"txbuf alloc" in heard) == (name == "ublox-m8")
    late = [e.at for e in events if isinstance(e, SerialBytes)]
    assert late[-1] - late[0] < 60.5e9, "no lag builds up"


def test_a_backlog_grows_until_the_buffer_is_full() -> None:
    world, events = run(duration_s=60, baud=4800, oscillator=PERFECT, faults=("backlog:buffer=4s",))
    nmea, start = Nmea(), world.truth.pulses()[0].at
    found = [f for e in events if isinstance(e, SerialBytes) for f in nmea.feed(e.data, e.at)]
    lags = [(f.at - start - (f.second.unix - world.calendar.start.unix)) / 1e9 for f in found if isinstance(f, Epoch) and f.valid]
    assert lags[0] < 0.2
    assert 3.5 < max(lags) < 5.5
    assert len(lags) < 58, "what finds no room is lost"


def test_a_uart_at_the_right_rate_hears_what_was_sent() -> None:
    assert uart(LINE, 1.0) == LINE
    noise = random.Random(3).randbytes(2000)
    assert uart(noise, 1.0) == noise


@pytest.mark.parametrize("ratio", [0.97, 0.98, 1.02, 1.03])
def test_a_uart_tolerates_a_few_percent(ratio: float) -> None:
    assert uart(LINE, ratio)[: len(LINE)] == LINE


@pytest.mark.parametrize("ratio", [0.5, 0.9, 1.07, 2.0, 4.0, 12.0])
def test_a_uart_that_is_far_off_hears_rubbish(ratio: float) -> None:
    heard = uart(LINE * 4, ratio)
    assert heard
    assert LINE[:20] not in heard
    assert b"RMC" not in heard
    assert sum(not 32 <= b < 127 for b in heard) / len(heard) > 0.15
    assert (len(heard) < len(LINE * 4)) == (ratio < 1)
