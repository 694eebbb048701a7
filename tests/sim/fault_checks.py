"""What must be true of a run with each fault, compared with the same run without it."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Callable
from functools import cache

from simulated import Run, run

from gpstime.model import Applied, DeviceFound, DeviceLost, SerialBytes, Slew, Step, Tick
from gpstime.times import NS

LASTS_S = 420


def near(value: float, wanted: float, by: float) -> bool:
    return abs(value - wanted) <= by


def _intervals(r: Run) -> list[int]:
    return [b.at - a.at for a, b in itertools.pairwise(r.pulses)]


def _adjusts_nothing(plain: Run, r: Run) -> bool:
    before = r.world.clock.shown(r.events[-1].at)
    said = [r.world.adjust(Step(NS)), r.world.adjust(Slew(5000.0, 10.0))]
    return r.world.clock.shown(r.events[-1].at) == before and all(a.step_ns == 0 and a.freq_ppb is None for a in said)


Check = Callable[[Run, Run], bool]
CHECKS: dict[str, tuple[dict[str, object], str, Check]] = {
    # name: (options of both runs, parameters of the fault, what must be true of (plain run, run with the fault))
    "latency-step": (
        {},
        "at=100s,add=50us",
        lambda p, r: near(r.offsets()[150] - p.offsets()[150], 50e-6, 1e-7) and r.offsets()[:100] == p.offsets()[:100],
    ),
    "duplicate-pulse": (
        {},
        "rate=0.1,gap=10us",
        lambda p, r: 20 < r.kinds["duplicate"] < 65 and min(_intervals(r)) in range(1900, 10_100),
    ),
    "missing-pulse": ({}, "rate=0.1,run=2", lambda p, r: 40 < LASTS_S - r.kinds["plain"] < 130),
    "rogue-pulse": ({}, "rate=0.05,cluster=3", lambda p, r: 25 < r.kinds["rogue"] < 110 and r.kinds["plain"] == LASTS_S),
    "wrong-edge": (
        {},
        "width=20ms",
        lambda p, r: r.kinds == {"trailing": LASTS_S} and near(r.pulses[9].at - p.pulses[9].at, 20e6, 60),
    ),
    "pulse-before-fix": (
        {"faults": ("cold-start",)},
        "ppm=5",
        lambda p, r: (
            r.kinds["wandering"] == LASTS_S - p.kinds["plain"] > 20 and near(abs(_intervals(r)[5] - _intervals(p)[100]), 5000, 1500)
        ),
    ),
    "frozen-clear": (
        {},
        "",
        lambda p, r: len({(e.at, e.seq) for e in r.pulses if e.edge == "clear"}) == 1 and len(r.pulses) == 2 * LASTS_S,
    ),
    "pulse-rate": (
        {},
        "hz=2",
        lambda p, r: r.kinds == {"plain": LASTS_S, "extra": LASTS_S} and near(_intervals(r)[7], NS / 2, 9e4),
    ),
    "stretched-bracket": (
        {"pps_noise_ns": 10.0},
        "rate=0.1,err=50us",
        lambda p, r: 20 < sum(e.err_ns == 50_000 for e in r.pulses) < 70 and max(_intervals(r)) - max(_intervals(p)) > 30_000,
    ),
    "gga-first": (
        {"sentences": ("RMC", "ZDA", "VTG", "GGA")},
        "",
        lambda p, r: r.raw.find(b"GGA,") < r.raw.find(b"VTG,") < r.raw.find(b"RMC,") < r.raw.find(b"ZDA,"),
    ),
    "cold-start": (
        {"personality": "mtk3339"},
        "",
        lambda p, r: (
            b"$GPRMC,235945.800,V,,,,,0.00,0.00,050180,,,N*" in r.raw
            and r.kinds["plain"] == LASTS_S - 35
            and not r.rmc[0].valid
            and r.rmc[-1].valid
        ),
    ),
    "week-rollover": (
        {},
        "weeks=1024",
        lambda p, r: [e.second.day for e in p.rmc] == [e.second.day + 7168 for e in r.rmc] and all(e.valid for e in r.rmc),
    ),
    "leap-default": (
        {},
        "for=200s,ahead=3",
        lambda p, r: Counter(r.ahead()) == {3.0: 200, 0.0: LASTS_S - 200} and r.kinds["plain"] == LASTS_S,
    ),
    "leap-second": (
        {},
        "at=100s",
        lambda p, r: b",235960.00,A," in r.raw and near(r.offsets()[99] - r.offsets()[102], 0.0, 1e-3) and b",235960" not in p.raw,
    ),
    "rtc-backed": (
        {},
        "for=50s,off=2s",
        lambda p, r: (
            not r.rmc[0].valid and r.kinds["plain"] == LASTS_S - 50 and (r.rmc[0].second.unix - p.rmc[0].second.unix) == 2 * NS
        ),
    ),
    "ten-hz": (
        {"sentences": ("RMC",)},
        "hz=10",
        lambda p, r: near(len(r.rmc), 10 * LASTS_S, 9) and {e.second.ns_of_day % NS // 10**8 for e in r.rmc} == set(range(10)),
    ),
    "lost-fix": (
        {},
        "at=100s,for=120s,pulse=60s,ppm=2",
        lambda p, r: (
            r.kinds == {"plain": LASTS_S - 120, "wandering": 60}
            and [e.valid for e in r.rmc].count(False) == 120
            and _wanders(r)
            and b",V,,,,,,,0103" in r.raw
        ),
    ),
    "drop-second": ({}, "every=100s", lambda p, r: len(r.pulses) == len(r.rmc) == LASTS_S - 4),
    "power-cycle": (
        {"baud": 38_400, "sentences": ("RMC",)},
        "at=200s",
        lambda p, r: 200 <= len(r.rmc) <= 201 and b"GGA" not in r.raw and len(r.pulses) == LASTS_S - 12,
    ),
    "long-sentences": (
        {},
        "",
        lambda p, r: max(map(len, r.raw.split())) > 82 >= max(map(len, p.raw.split())) and len(r.rmc) == LASTS_S,
    ),
    "gpsdo": ({}, "at=100s,for=100s", lambda p, r: r.pulses == p.pulses and [e.valid for e in r.rmc].count(False) == 100),
    "late-sentences": (
        {},
        "at=100s,delay=300ms,jitter=20ms",
        lambda p, r: near(statistics.median(r.late()[110:]) - statistics.median(p.late()[110:]), 0.3, 0.02),
    ),
    "delay-wander": (
        {"sentences": ("RMC",), "jitter_ms": 0.0},
        "span=2s",
        lambda p, r: max(r.late()) > 1.0 and statistics.pstdev(r.late()) > 0.2,
    ),
    "backlog": ({"baud": 4800}, "buffer=4s", lambda p, r: max(p.late()) < 0.3 and 3.5 < max(r.late()) < 5.5),
    "mid-sentence": ({}, "", lambda p, r: p.raw.endswith(r.raw) and not r.raw.startswith(b"$") and len(p.raw) - len(r.raw) < 60),
    "bit-errors": (
        {},
        "rate=1e-4",
        lambda p, r: near(_flipped(p, r) / len(p.raw) / 8, 1e-4, 3e-5) and r.reasons()["bad-checksum"] > 50,
    ),
    "noise-bursts": (
        {},
        "rate=0.1,length=32",
        lambda p, r: len(r.raw) - len(p.raw) in range(20 * 32, 70 * 32) and b"\xff" * 32 in r.raw and b"\0" * 32 in r.raw,
    ),
    "xor-flip": (
        {"sentences": ("RMC",)},
        "rate=0.05",
        lambda p, r: (
            5 < sum(a != b for a, b in zip(p.raw.split(), r.raw.split(), strict=True)) < 45
            and not r.reasons().keys() & {"bad-checksum"}
        ),
    ),
    "truncated": (
        {},
        "rate=0.05",
        lambda p, r: r.raw.count(b"*") < p.raw.count(b"*") * 0.97 and r.raw.count(b"\r\n") == p.raw.count(b"\r\n"),
    ),
    "glued": (
        {},
        "rate=0.05",
        lambda p, r: (
            0.93 < r.raw.count(b"\r\n") / p.raw.count(b"\r\n") < 0.97 and r.raw.replace(b"\r\n", b"") == p.raw.replace(b"\r\n", b"")
        ),
    ),
    "cr-only": ({}, "", lambda p, r: b"\n" not in r.raw and r.raw == p.raw.replace(b"\r\n", b"\r")),
    "missing-sentences": ({}, "rate=0.1", lambda p, r: 0.88 < r.raw.count(b"$") / p.raw.count(b"$") < 0.92 and not r.reasons()),
    "wrong-baud": ({}, "baud=19200", lambda p, r: not r.rmc and len(r.raw) > 1000),
    "baud-drift": ({}, "at=100s,for=50s,ratio=1.6", lambda p, r: 49 <= LASTS_S - len(r.rmc) <= 52),
    "unplug": ({}, "at=100.5s,for=10s", lambda p, r: _lost_port(r) and 9 <= LASTS_S - len(r.rmc) <= 12),
    "second-reader": ({}, "share=0.5", lambda p, r: near(len(r.raw) / len(p.raw), 0.5, 0.03) and len(r.rmc) < 40),
    "login-console": ({}, "every=60s", lambda p, r: r.raw.count(b"raspberrypi login:") == 7 and len(r.rmc) == LASTS_S),
    "binary-noise": ({}, "share=0.3", lambda p, r: near(1 - len(p.raw) / len(r.raw), 0.3, 0.03) and r.raw.count(b"\xb5\x62") > 500),
    "chatter": (
        {},
        "rate=0.2",
        lambda p, r: (
            all(word in r.raw for word in (b"$PUBX,00", b"$PMTK001", b"$GNTXT", b"!AIVDM", b"$GPXYZ")) and b"PMTK" not in p.raw
        ),
    ),
    "nmea-silent": ({}, "at=100.1s,for=60s", lambda p, r: 59 <= LASTS_S - len(r.rmc) <= 61 and r.pulses == p.pulses),
    "timer-slow": (
        {},
        "at=100s,for=60s,ratio=0.55",
        lambda p, r: near((r.pulses[-1].at - r.pulses[0].at) - (p.pulses[-1].at - p.pulses[0].at), -27 * NS, 9),
    ),
    "gross-frequency": ({}, "ppm=405", lambda p, r: near(r.world.truth.mean_ppb() - p.world.truth.mean_ppb(), 405_000, 1)),
    "system-step": (
        {},
        "at=100s,step=1s",
        lambda p, r: (
            near(r.offsets()[101] - p.offsets()[101], 1.0, 1e-9)
            and r.offsets()[:100] == p.offsets()[:100]
            and _shows_in_ticks(r, NS)
        ),
    ),
    "chrony-slews": (
        {"system_offset_s": 0.01},
        "",
        lambda p, r: (
            near(r.offsets()[-1], 0.0, 2e-4)
            and p.offsets()[-1] > 9e-3
            and any(isinstance(e, Applied) and e.by == "chrony" for e in r.events)
        ),
    ),
    "adjust-refused": ({}, "", _adjusts_nothing),
    "system-offset": ({}, "offset=-3d", lambda p, r: near(r.offsets()[0] - p.offsets()[0], -259_200.0, 1e-6)),
    "suspend": (
        {},
        "at=100s,for=60s",
        lambda p, r: (
            len(r.pulses) == LASTS_S - 60
            and near(_intervals(r)[99], NS, 1e6)
            and near(r.offsets()[-1], p.offsets()[-1], 1e-3)
            and _shows_in_ticks(r, 60 * NS)
        ),
    ),
}


def _wanders(r: Run) -> bool:
    steps = [b.at - a.at for a, b in itertools.pairwise(r.pulses)]
    return near(steps[130] - steps[50], 2000, 1500)


def _flipped(p: Run, r: Run) -> int:
    return sum((a ^ b).bit_count() for a, b in zip(p.raw, r.raw, strict=True))


def _lost_port(r: Run) -> bool:
    devices = [(type(e), e.source) for e in r.events if isinstance(e, DeviceLost | DeviceFound)]
    ports = {e.port for e in r.events if isinstance(e, SerialBytes)}
    return devices == [(DeviceLost, "ttyACM0"), (DeviceFound, "ttyACM1")] and ports == {"ttyACM0", "ttyACM1"}


def _shows_in_ticks(r: Run, step_ns: int) -> bool:
    """REAL - MONO jumps by the step and by nothing else."""
    gaps = [e.shown - e.mono_ns for e in r.events if isinstance(e, Tick)]
    return {b - a for a, b in itertools.pairwise(gaps)} == {0, step_ns}


def runs(name: str) -> tuple[Run, Run, Check]:
    """(the plain run, the run with the fault, the check)."""
    _, parameters, check = CHECKS[name]
    return _one(name, None), _one(name, f"{name}:{parameters}"), check


@cache
def _cached(options: tuple[tuple[str, object], ...]) -> Run:
    return Run(*run(duration_s=LASTS_S, **dict(options)))


def _one(name: str, fault: str | None) -> Run:
    options = dict(CHECKS[name][0])
    faults = (*options.get("faults", ()), *([fault] if fault else []))
    return _cached(tuple({**options, "faults": faults}.items()))
