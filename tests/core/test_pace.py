"""Bursts: which arrival is that of the first byte of what belongs together."""

from __future__ import annotations

import pytest
from nmea_lines import line, rmc

from gpstime.core.nmea import Nmea
from gpstime.model import Epoch
from gpstime.times import NS, RawNs

MS = NS // 1000


def burst(second: int, satellites: int = 3, order: str = "RGVZ") -> bytes:
    """One second's output: RMC, GGA, satellites, ZDA in the order given."""
    hms = f"12{second // 60:02}{second % 60:02}.00"
    parts = {
        "R": rmc(hms),
        "G": line(f"GNGGA,{hms},4404.1,N,12118.8,W,1,12,0.91,1147.2,M,-21.3,M,,"),
        "V": line("GPGSV,3,1,10,02,25,181,42,06,45,146,45,12,19,292,47,13,17,209,43,1") * satellites,
        "Z": line(f"GNZDA,{hms},23,03,2026,00,00"),
        "L": line(f"GNGLL,4404.14066,N,12118.85481,W,{hms},A,A"),
    }
    return b"".join(parts[k] for k in order)


def arrivals(stream: list[tuple[int, bytes]]) -> list[Epoch]:
    nmea = Nmea()
    return [r for at, data in stream for r in nmea.feed(data, RawNs(at)) if isinstance(r, Epoch)]


def paced(data: bytes, start_ns: int, baud: int, portion: int) -> list[tuple[int, bytes]]:
    """`data` as a UART delivers it: portions of some bytes, each stamped when its first byte was in."""
    byte_ns = NS * 10 // baud
    return [(start_ns + i * byte_ns, data[i : i + portion]) for i in range(0, len(data), portion)]


@pytest.mark.parametrize("baud", [4800, 9600, 38400, 115200])
@pytest.mark.parametrize("portion", [1, 14, 64, 200, 5000])
def test_every_sentence_of_a_second_has_the_arrival_of_its_first_byte(baud, portion):
    satellites = 0 if baud == 4800 else 3  # what fits into a second
    stream = []
    for s in range(30):
        stream += paced(burst(s, satellites), s * NS + 150 * MS, baud, portion)
    for epoch in arrivals(stream):
        second = epoch.second.ns_of_day // NS % 60
        assert epoch.burst_at == second * NS + 150 * MS, f"second {second}"


def test_a_hiccup_of_the_reader_splits_no_burst():
    """A reader that wakes up 15 ms late in the middle of a burst."""
    stream = []
    for s in range(20):
        for at, data in paced(burst(s), s * NS + 150 * MS, 9600, 16):
            late = 15 * MS if s % 5 == 4 and at % NS > 250 * MS else 0
            stream.append((at + late, data))
    assert {e.burst_at % NS for e in arrivals(stream)} == {150 * MS}


def test_a_port_once_thought_fast_is_known_again():
    """4800 baud, and once a reader 120 ms late: what had piled up came as one portion, and the next one directly behind it."""
    stream = []
    for s in range(40):
        data = burst(s, satellites=4, order="VR")
        portions = paced(data, s * NS + 100 * MS, 4800, 32)
        if s == 3:
            (at, first), (_, second), (_, third), *rest = portions[2:]
            portions[2:] = [(at + 120 * MS, first + second), (at + 121 * MS, third[:1]), (at + 133 * MS, third[1:]), *rest]
        stream += portions
    epochs = arrivals(stream)
    assert len(epochs) == 40
    assert {e.burst_at % NS for e in epochs[8:]} == {100 * MS}, "within five seconds"


def test_a_receiver_that_pauses_between_sentences_makes_one_burst():
    """An internal 14 400 baud behind a 115 200 baud line, and 60 ms of thought before ZDA."""
    stream = []
    for s in range(20):
        at = s * NS + 100 * MS
        for part in burst(s).splitlines(keepends=True):
            at += 60 * MS if part.startswith(b"$GNZDA") else 0
            stream.append((at, part))
            at += len(part) * NS * 10 // 14_400
    assert {e.burst_at % NS for e in arrivals(stream)[3:]} == {100 * MS}, "from the second burst on"


def test_bursts_that_fill_the_second_begin_where_the_time_changes():
    """No silence anywhere: the change of the time is all there is."""
    stream: list[tuple[int, bytes]] = []
    byte_ns = NS // 960  # 9600 baud, exactly full
    at = 0
    for s in range(20):
        data = burst(s, satellites=9)
        data += b"$GPTXT," + b"." * (960 - len(data) - 9) + b"\r\n"
        assert len(data) == 960
        stream += [(at + i * byte_ns, data[i : i + 16]) for i in range(0, 960, 16)]
        at += NS
    for epoch in arrivals(stream)[6:]:
        second = epoch.second.ns_of_day // NS % 60
        assert abs(epoch.burst_at - second * NS) < 17 * byte_ns


def test_two_times_in_one_burst_are_one_burst():
    """Some receivers end a burst with the GLL of the second before: it is no burst of its own."""
    stream = []
    for s in range(1, 20):
        stream += paced(burst(s, order="RG") + burst(s - 1, order="LL"), s * NS + 200 * MS, 9600, 16)
    assert {e.burst_at % NS for e in arrivals(stream)} == {200 * MS}


def test_the_first_burst_is_one_although_the_scale_of_its_pauses_is_unknown():
    data = burst(1, satellites=9).splitlines(keepends=True)
    stream = [(NS + i * 17 * MS, part) for i, part in enumerate(data)]  # 17 ms from sentence to sentence, at 115 200 baud
    stream.insert(0, (NS - 30 * MS, b"\r\n"))
    assert {e.burst_at for e in arrivals(stream)} == {NS}


@pytest.mark.parametrize("portion", [16, 100, 200])
def test_bursts_that_nearly_fill_the_second(portion):
    """RMC is not first, 780 bytes at 9600 baud: the silence is shorter than a long portion, so the byte time must be known."""
    stream = []
    for s in range(20):
        data = burst(s, satellites=9, order="VRG")
        assert 770 < len(data) < 790
        stream += paced(data, s * NS + 100 * MS, 9600, portion)
    assert {e.burst_at % NS for e in arrivals(stream)[2:]} == {100 * MS}, "from the second burst on"


def test_ten_hertz_output():
    stream = []
    for tenth in range(100):
        data = rmc(f"1200{tenth // 10:02}.{tenth % 10}00")
        stream += paced(data, tenth * 100 * MS + 30 * MS, 115_200, 32)
    epochs = arrivals(stream)
    assert len(epochs) == 100
    assert all(e.burst_at == i * 100 * MS + 30 * MS for i, e in enumerate(epochs))


def test_the_raw_clock_may_begin_anew():
    nmea = Nmea()
    nmea.feed(burst(1), RawNs(10**15))
    again = nmea.feed(burst(2), RawNs(5))
    assert all(isinstance(e, Epoch) and e.burst_at == 5 for e in again)


def test_after_an_outage_of_a_minute_bursts_are_found_again():
    starts = [*range(10), *range(70, 90)]
    stream = []
    for s in starts:
        stream += paced(burst(s % 60, satellites=9, order="VRGZ"), s * NS + 100 * MS, 9600, 32)
    assert {e.burst_at % NS for e in arrivals(stream) if not 70 <= e.at // NS < 73} == {100 * MS}


def test_a_sentence_cut_by_the_silence_belongs_to_the_burst_in_which_it_began():
    nmea = Nmea()
    data = burst(1)
    nmea.feed(data[:10], RawNs(NS))
    epochs = nmea.feed(data[10:], RawNs(2 * NS))
    first = epochs[0]
    assert isinstance(first, Epoch)
    assert (first.at, first.burst_at) == (NS, NS)
    assert {(e.at, e.burst_at) for e in epochs[1:] if isinstance(e, Epoch)} == {(2 * NS, 2 * NS)}
