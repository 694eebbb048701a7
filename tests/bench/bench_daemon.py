"""CPU and memory of the service at 14 sentences and a pulse a second, beside gpsd (unpacked, not installed) on the same stream.

Both read ptys that this script paces by their baud rate, each in its own process; ours with the environment of the systemd unit.
Limits of the project: 4 s of CPU an hour, 20 MB resident. Seconds differ from machine to machine and with what else runs there, so
what decides is the ratio to gpsd: at most RATIO of its CPU. `--seconds`: how long, the start not counted; `--baud`: only this rate.
`--gpsd DIR`: an unpacked gpsd package; without it the Debian package is fetched with apt-get, once, where that is possible.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from figures import exact_cpu_s, resident_mb, say
from gpsd_package import unpacked

from gpstime.app.status import ask_status
from gpstime.errors import DeviceError
from gpstime.model import PpsEdge, SerialBytes
from gpstime.sim.pty_receiver import PtyReceiver
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import NS, RawNs, UnixNs, UtcTime

CPU_S_PER_HOUR, RESIDENT_MB = 4.0, 20.0
RATES = (9600, 38400)
SENTENCES = ("RMC", "VTG", "GGA", "GNS", "GSA", "GSV", "GLL", "ZDA", "GLL")
"""With the satellites of two systems these are 14 lines, 850 bytes."""
A_SECOND = 14
START_S = 12
"""The first seconds: imports, finding the baud rate."""
RATIO = 2.5
"""Of gpsd's CPU, which names no second and keeps no record. On a loaded machine 0.7 at 9600 and 1.8 at 38400 baud were seen."""
UNIT = Path(__file__).resolve().parents[2] / "hw/systemd/gpstime.service"
ENDS_S = 20


def unit_environment() -> dict[str, str]:
    """What the unit sets for the service."""
    lines = [line for line in UNIT.read_text(encoding="utf-8").splitlines() if line.startswith("Environment=")]
    pairs = [pair.partition("=") for line in lines for pair in line.removeprefix("Environment=").split()]
    assert pairs, "the unit sets nothing"
    return {name: value for name, _, value in pairs}


def bursts(start: int, seconds: int, baud: int) -> list[tuple[RawNs, bytes]]:
    """What a receiver says, on this machine's raw clock, the pulse of second `start` (POSIX) being a whole second of the clock."""
    sc = Scenario(
        seed=1, duration_s=seconds, sentences=SENTENCES, baud=baud, start=UtcTime.from_unix(UnixNs(start * NS)), read_ms=10.0
    )
    chunks, first = [], None
    for event in SimWorld(sc).events():
        if isinstance(event, PpsEdge) and first is None:
            first = event.at
        if isinstance(event, SerialBytes):
            chunks.append((event.at, event.data))
    assert first is not None
    apart = start * NS - (time.time_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)) - first
    return [(RawNs(at + apart), data) for at, data in chunks]


class Now:
    def now(self) -> RawNs:
        return RawNs(time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW))

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def live(seconds: int, baud: int, gpsd: tuple[list[str], dict[str, str]] | None) -> bool:
    """One rate: both on the same stream; False if gpsd's CPU is exceeded RATIO times, or nothing was measured."""
    end: list[bool] = []
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begin = time.time_ns() // NS + 2
        stream = bursts(begin, seconds + START_S + 15, baud)
        receivers = [PtyReceiver(stream, baud) for _ in range(2 if gpsd else 1)]
        config, socket = folder / "gpstime.toml", str(folder / "status.sock")
        config.write_text(
            f'[receiver]\nport = "{receivers[0].path}"\nshare = true\n'
            f'[record]\nfolder = "{folder}/record"\n[service]\nsocket = "{socket}"\n'
        )
        child = [sys.executable, str(Path(__file__).parent / "service.py"), str(config), name]
        players = [threading.Thread(target=r.play, args=(Now(), lambda: bool(end)), daemon=True) for r in receivers]
        for player in players:
            player.start()
        try:
            time.sleep(max(0.0, begin + 1.2 - time.time()))  # a silent line would be searched at other baud rates
            with open(folder / "log", "wb") as log:
                started.append(subprocess.Popen(child, stderr=log, env={**os.environ, **unit_environment()}))
                if gpsd:
                    started.append(subprocess.Popen([*gpsd[0], receivers[1].path], env=gpsd[1], stderr=subprocess.DEVNULL))
            print(f"{baud} baud: {START_S} s for the start, {seconds} s measured ...", flush=True)
            time.sleep(START_S)
            before = [exact_cpu_s(p.pid) for p in started]
            t0 = time.monotonic()
            time.sleep(seconds)
            span = time.monotonic() - t0
            after = [exact_cpu_s(p.pid) for p in started]
            status = ask_status(socket)
            rows = [
                ((b - a) * 3600 / span, resident_mb(p.pid), resident_mb(p.pid, "VmHWM"))
                for p, a, b in zip(started, before, after, strict=True)
            ]
        except (DeviceError, OSError, StopIteration) as e:  # one of them ended
            print(f"nothing measured: {e}\n{(folder / 'log').read_text()}")
            return False
        finally:
            end.append(True)
            for p in started:
                if p.poll() is None:
                    p.send_signal(signal.SIGTERM)
            for p in started:
                try:
                    p.wait(ENDS_S)
                except subprocess.TimeoutExpired:
                    p.kill()
            for player in players:
                player.join(5)
        receiver, pulse = status["receiver"], status["pulse"]
        assert isinstance(receiver, dict)
        assert isinstance(pulse, dict)
        print(
            f"{A_SECOND} sentences and a pulse a second at {baud} baud, {span:.0f} s: {status['status']}, "
            f"{receiver['sentences']} sentences, {pulse['count']} edges read"
        )
        for who, (cpu, rss, peak) in zip(("gpstime run", "gpsd"), rows, strict=False):
            print(f"{who:12} {cpu:6.2f} s of CPU an hour, {rss:5.1f} MB resident (peak {peak:.1f})")
        if status["status"] != "measuring":
            print((folder / "log").read_text())
    cpu, rss, _ = rows[0]
    theirs = rows[1][:2] if gpsd else None
    said = ("not to be had", "not to be had") if theirs is None else (f"{theirs[0]:.2f} s", f"{theirs[1]:.1f} MB")
    ok = theirs is None or cpu <= RATIO * theirs[0]
    say(
        f"CPU an hour at {baud} baud, 14 sentences a second",
        f"{cpu:.2f} s",
        f"{CPU_S_PER_HOUR:g} s",
        said[0],
        ok=cpu <= CPU_S_PER_HOUR,
    )
    say(f"resident memory at {baud} baud", f"{rss:.1f} MB", f"{RESIDENT_MB:g} MB", said[1], ok=rss <= RESIDENT_MB)
    if theirs is not None:
        print(f"{cpu / theirs[0]:.2f} times gpsd's CPU (limit {RATIO:g}): {'met' if ok else 'MISSED'}")
    return bool(receiver["sentences"]) and ok and rss <= RESIDENT_MB


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--baud", type=int, action="append")
    parser.add_argument("--gpsd", metavar="DIR")
    args = parser.parse_args()
    gpsd = unpacked(args.gpsd)
    met = [live(args.seconds, baud, gpsd) for baud in args.baud or RATES]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
