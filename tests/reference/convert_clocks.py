"""Captures made from recordings of real clocks, so that `gpstime measure` can be held against what these records show.

    python tests/reference/convert_clocks.py DATA_FOLDER OUT_FOLDER

Only the arduino recording is of pulses. Of the others the records keep a frequency over time (or an offset): the clock is
run along it, and stamps an ideal pulse every second. Signs, each from the documentation of what wrote the record:

arduino-pps     value = 1000000 - micros() between two pulses: positive means that the Arduino counts too few, so it loses:
                frequency error = -value ppm of a second
chrony tracking column 5, ppm, "positive means the local system runs fast of UTC" (chrony.conf(5), log tracking): the sign is ours
chrony statistics column 7, s/s, "positive means the local clock is gaining", and relative to the compensation in force
                (chrony.conf(5), log statistics): the error of the steered clock, not of the crystal
ntpd loopstats  column 4, ppm, is the correction in force: the clock gains by its negative (-33.3: it gains 33.3 ppm)
pi4-pps         10 ns units of our pulse output minus the server's: a steered clock's offset, positive taken as ahead
"""

from __future__ import annotations

import datetime
import lzma
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from gpstime.model import Applied, PpsEdge
from gpstime.store.capture import encode, encode_head
from gpstime.times import NS, RawNs, UnixNs, UtcTime

MJD_UNIX = 40587
START_RAW = 1_000 * NS


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (lzma.decompress(data) if path.suffix == ".xz" else data).decode()


def unix_of(date: str, clock: str) -> int:
    y, mo, d = map(int, date.split("-"))
    h, mi, s = map(int, clock.split(":"))
    return int(datetime.datetime(y, mo, d, h, mi, s, tzinfo=datetime.UTC).timestamp())


# ---- what the records say, as plain numbers ------------------------------------------------------------------------------------


def arduino_intervals_us(data: Path) -> list[int]:
    """micros() between two pulses."""
    return [1_000_000 - int(v) for v in text_of(data / "clocks/arduino-pps/pps-interval-error-us.log.xz").split()]


def chrony_tracking(data: Path) -> list[tuple[int, float]]:
    """(Unix second, frequency error of the uncorrected clock in ppb)."""
    rows = (line.split() for line in text_of(data / "clocks/chrony-gps-pps/tracking.log.xz").splitlines())
    return [(unix_of(r[0], r[1]), float(r[4]) * 1e3) for r in rows]


def chrony_statistics(data: Path) -> list[tuple[int, float]]:
    """(Unix second, frequency error of the steered clock against the PPS in ppb)."""
    rows = (line.split() for line in text_of(data / "clocks/chrony-gps-pps/statistics.log.xz").splitlines())
    return [(unix_of(r[0], r[1]), float(r[6]) * 1e9) for r in rows if r[2] == "PPS"]


def ntpd_loopstats(data: Path) -> list[tuple[int, float]]:
    """(Unix second, frequency error of the uncorrected clock in ppb)."""
    rows = (line.split() for line in text_of(data / "clocks/ntpd-gps-pps/loopstats.xz").splitlines())
    return [((int(r[0]) - MJD_UNIX) * 86_400 + round(float(r[1])), -float(r[3]) * 1e3) for r in rows]


def pi4_offsets_ns(data: Path) -> list[int]:
    """Offset of the steered clock at each second."""
    return [10 * int(v) for v in text_of(data / "clocks/pi4-pps/pi4-chrony-offset.dat").split()]


# ---- captures ------------------------------------------------------------------------------------------------------------------


def head(board: str, about: str, start_s: int) -> str:
    return encode_head(
        board=board, about=about, started_utc=UtcTime.from_unix(UnixNs(start_s * NS)).iso(), tool="convert_clocks.py"
    )


def from_intervals(intervals_us: Iterable[int], start_s: int, board: str, about: str) -> Iterator[str]:
    """A clock that counted these intervals between pulses, shown and raw alike (nobody steers it)."""
    yield head(board, about, start_s)
    t = START_RAW
    for seq, us in enumerate([0, *intervals_us]):
        t += us * 1000
        yield encode(PpsEdge(RawNs(t), UnixNs(start_s * NS + t - START_RAW), seq=seq, stamped_by="user"))


def from_frequency(
    rows: list[tuple[int, float]], about: str, *, steered: bool, by: str, corrections: list[tuple[int, float]]
) -> Iterator[str]:
    """A clock with this frequency error from each row to the next, and the corrections of the daemon that ran on it.

    `steered` False: the rows are the raw clock's; the system clock is true (the daemon corrects all of it).
    True: the rows are what the daemon left over, and `t` is the steered clock itself.
    """
    yield head("a PC", about, rows[0][0])
    phase, i, c = 0.0, 0, 0
    for seq, second in enumerate(range(rows[0][0], rows[-1][0] + 1)):
        t = START_RAW + seq * NS + round(phase)
        while c < len(corrections) and corrections[c][0] <= second:
            yield encode(Applied(RawNs(t), freq_ppb=corrections[c][1], by=by))
            c += 1
        shown = second * NS + (round(phase) if steered else 0)
        yield encode(PpsEdge(RawNs(t), UnixNs(shown), seq=seq))
        while i + 1 < len(rows) and rows[i + 1][0] <= second:
            i += 1
        phase += rows[i][1]


def from_offsets(offsets_ns: list[int], start_s: int, *, by: str, correction_ppb: float) -> Iterator[str]:
    """A steered clock that was this far off at each second; `t` is that clock (its raw clock was not recorded)."""
    yield head("Raspberry Pi 4", "PPS output of a Pi that chrony steers, against a GPS-locked server's", start_s)
    yield encode(Applied(RawNs(START_RAW), freq_ppb=correction_ppb, by=by))
    for seq, offset in enumerate(offsets_ns):
        yield encode(PpsEdge(RawNs(START_RAW + seq * NS + offset), UnixNs((start_s + seq) * NS + offset), seq=seq))


def captures(data: Path) -> Iterator[tuple[str, Iterator[str]]]:
    """(name, lines) of each."""
    intervals = arduino_intervals_us(data)
    ended = unix_of("2016-03-29", "09:26:00")  # 11:26+0200
    began = ended - round(sum(intervals) / 993_272)
    yield "arduino-pps", from_intervals(intervals, began, "Arduino, ceramic resonator", "micros() between pulses of a GPS")
    tracking, loop = chrony_tracking(data), ntpd_loopstats(data)
    corrections = [(s, -ppb) for s, ppb in tracking]
    yield "chrony-tracking", from_frequency(tracking, "tracking.log", steered=False, by="chrony", corrections=corrections)
    residual = chrony_statistics(data)
    yield "chrony-statistics", from_frequency(residual, "statistics.log, PPS", steered=True, by="chrony", corrections=corrections)
    corrections = [(s, -ppb) for s, ppb in loop]
    yield "ntpd-loopstats", from_frequency(loop, "loopstats", steered=False, by="ntpd", corrections=corrections)
    # The recording does not say what correction was in force; Pi 4s in the field gain -0.3 to +3.3 ppm, so some ppm were
    yield "pi4-pps", from_offsets(pi4_offsets_ns(data), unix_of("2022-01-01", "00:00:00"), by="chrony", correction_ppb=-2167.0)


def write(lines: Iterable[str], path: Path) -> Path:
    with path.open("w", encoding="utf-8") as out:
        out.writelines(line + "\n" for line in lines)
    return path


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: convert_clocks.py DATA_FOLDER OUT_FOLDER")
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in captures(Path(sys.argv[1])):
        print(write(made, folder / f"{name}.jsonl"))
