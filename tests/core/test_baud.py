"""The score of a line, the search for its rate, and what the line watch says, on simulated lines."""

from __future__ import annotations

from itertools import count

import pytest

from gpstime.core.baud import RATES, BaudSearch, score
from gpstime.core.line_watch import LineWatch
from gpstime.model import SerialBytes
from gpstime.sim.line import uart
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import NS, RawNs


def portions(**options: object) -> list[SerialBytes]:
    return [e for e in SimWorld(Scenario(seed=7, **options)).events() if isinstance(e, SerialBytes)]  # type: ignore[arg-type]


def told(watch: LineWatch, stream: list[SerialBytes]) -> list[str]:
    return [text for portion in stream for text in watch.on_bytes(portion)]


BURSTS = b"".join(p.data for p in portions(duration_s=4))


@pytest.mark.parametrize("ratio", [0.25, 0.5, 2, 4, 12, 0.94, 1.06, 1.6])
def test_no_sentence_survives_a_wrong_rate(ratio: float) -> None:
    s = score(uart(BURSTS, ratio))
    assert s.good == 0
    assert s.strange > 0.05 * s.size


def test_score_counts_sentences_and_ubx_frames() -> None:
    assert score(BURSTS).good == BURSTS.count(b"$")
    ubx = bytes.fromhex("b562 0101 0000 0207")  # a poll of NAV-POSECEF, an empty payload: the checksum by hand is 02 07
    assert score(b"junk" + ubx + b"\xb5\x62" + ubx[:5]).good == 1
    assert score(ubx[:-1] + b"\x08").good == 0
    assert score(BURSTS.replace(b"GNRMC", b"GNRMD")).bad == BURSTS.count(b"GNRMC")


def search(true_rate: int | None, first: int | None = None, say: bytes = BURSTS[:800]) -> tuple[BaudSearch, int]:
    """A search on a line that speaks `say` each second at `true_rate`; and how many seconds it took."""
    looking, rate = BaudSearch(first), BaudSearch(first).rate
    for second in count(1):
        heard = b"" if true_rate is None else uart(say, rate / true_rate) if rate != true_rate else say
        looking.heard(RawNs(second * NS), heard)
        rate = looking.rate
        if looking.over:
            return looking, second
    raise AssertionError


@pytest.mark.parametrize("true_rate", RATES)
def test_every_rate_is_found(true_rate: int) -> None:
    looking, seconds = search(true_rate)
    assert looking.found == true_rate
    assert seconds <= 4 * (RATES.index(true_rate) + 1)


def test_a_receiver_that_says_one_sentence_a_second_is_found() -> None:
    looking, _ = search(38400, say=BURSTS[: BURSTS.index(b"\n") + 1])
    assert looking.found == 38400


def test_the_known_rate_is_tried_first() -> None:
    assert search(230400, first=230400)[1] == 1
    assert search(31250, first=31250)[0].found == 31250


def test_silence_and_nonsense_are_told_apart() -> None:
    assert "No byte came" in search(None)[0].why
    assert "RX (GPIO15" in search(None)[0].why
    other = search(9600, say=bytes(range(128, 256)) * 8)[0]
    assert other.found is None
    assert "Bytes came, but no sentence" in other.why


# ---- the line watch ----------------------------------------------------------------------------------------------------------


def test_a_good_line_is_left_in_peace() -> None:
    watch = LineWatch("ttyAMA0", 38400)
    assert told(watch, portions(duration_s=120, baud=38400)) == []
    assert watch.use is not None
    assert 0.1 < watch.use < 0.3
    assert told(LineWatch("x", 38400), portions(duration_s=60, baud=38400, faults=("binary-noise:share=0.5",))) == []
    assert told(LineWatch("x", 9600), portions(duration_s=60, sentences=("RMC",))) == []


def test_an_overfull_line_is_noticed_and_a_rate_recommended() -> None:
    """P31: a burst of many sentences at 9600 baud; the share is what was really sent, bytes times ten bits over the rate."""
    stream = portions(duration_s=60, personality="ublox-m8", baud=9600)
    sent = sum(len(p.data) for p in stream) * 10 / 9600 / 60
    watch = LineWatch("ttyAMA0", 9600)
    texts = told(watch, stream)
    assert watch.use == pytest.approx(sent, rel=0.05)
    assert sent < 0.7 or len(texts) == 1
    crowded = portions(duration_s=60, baud=4800)  # more than a second's worth: the simulated receiver drops sentences and says so
    texts = told(LineWatch("ttyAMA0", 4800), crowded)
    assert len(texts) == 2, texts
    assert "txbuf" in texts[0]
    assert "fill" in texts[1]
    assert "GSV and GSA off" in texts[1]
    assert "19200 baud" in texts[1]
    assert ["fill" in text for text in told(LineWatch("ttyACM0", None), crowded)] == [False], "a USB port has no rate to fill"


def test_backlog_that_grows_each_second_is_noticed() -> None:
    """F-N05: every burst begins later than the one before, and the line never rests."""
    texts = told(LineWatch("ttyAMA0", 4800), portions(duration_s=90, baud=4800, faults=("backlog",)))
    assert len(texts) == 1, texts
    assert "never pause" in texts[0]
    assert "ever later" in texts[0]


def test_txbuf_is_passed_on_even_cut_in_two() -> None:
    watch = LineWatch("ttyAMA0", 9600)
    line = b"$GNTXT,01,01,01,txbuf alloc*4D\r\n"
    assert watch.on_bytes(SerialBytes(RawNs(0), line[:18])) == []
    texts = watch.on_bytes(SerialBytes(RawNs(20_000_000), line[18:]))
    assert len(texts) == 1
    assert "transmit buffer" in texts[0]


def test_a_login_console_is_noticed_once() -> None:
    texts = told(LineWatch("ttyAMA0", 9600), portions(duration_s=100, sentences=("RMC", "GGA"), faults=("login-console",)))
    assert len(texts) == 1
    assert "cmdline.txt" in texts[0]
    assert "serial-getty" in texts[0]


@pytest.mark.parametrize("baud", [4800, 19200, 38400, 115200])
def test_wrong_baud_is_said_within_seconds(baud: int) -> None:
    watch = LineWatch("ttyAMA0", baud)
    texts = told(watch, portions(duration_s=12, baud=9600, faults=(f"wrong-baud:baud={baud}",)))
    assert watch.wrong
    assert len(texts) == 1
    assert "wrong baud rate" in texts[0]


def test_a_rate_that_moves_with_the_core_clock_is_another_sentence() -> None:
    """F-N13: readable first, then not; and readable again."""
    watch = LineWatch("ttyS0", 9600)
    texts = told(watch, portions(duration_s=90, sentences=("RMC", "GGA"), faults=("baud-drift:ratio=1.6,at=30,for=30",)))
    assert len(texts) == 1
    assert "core_freq" in texts[0]
    assert not watch.wrong


def test_text_that_is_no_nmea_is_not_called_a_wrong_rate() -> None:
    watch = LineWatch("ttyAMA0", 9600)
    texts = told(watch, [SerialBytes(RawNs(k * NS), b"temperature 21.5 C, humidity 40 %\r\n") for k in range(20)])
    assert len(texts) == 1
    assert "does the receiver send NMEA" in texts[0]
    assert not watch.wrong


def test_a_raw_clock_that_begins_anew_is_no_error() -> None:
    watch = LineWatch("ttyAMA0", 9600)
    assert told(watch, portions(duration_s=20, sentences=("RMC",)) * 2) == []
