"""CPU and memory of the service at 14 sentences and a pulse a second, beside gpsd (unpacked, not installed) on the same stream.

Both read ptys that this script paces by their baud rate, each in its own process. Limits: 4 s of CPU an hour, 20 MB resident.
`--seconds`: how long, the start not counted. `--gpsd DIR`: an unpacked gpsd package; without it the Debian package is fetched with
apt-get, if that is possible. `--month`: a simulated month through the engine and the daemon's sinks.
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
from itertools import pairwise
from pathlib import Path

from gpstime.app.journal import Journal
from gpstime.app.standing import Standing
from gpstime.app.status import ask_status
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.model import PpsEdge, SerialBytes
from gpstime.sim.pty_receiver import PtyReceiver
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import NS, RawNs, UnixNs, UtcTime

CPU_S_PER_HOUR, RESIDENT_MB = 4.0, 20.0
SENTENCES = ("RMC", "VTG", "GGA", "GNS", "GSA", "GSV", "GLL", "ZDA", "GLL")
"""With the satellites of two systems these are 14 lines, 850 bytes."""
A_SECOND = 14
START_S = 12
"""The first seconds: imports, finding the baud rate."""
HZ = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / HZ


def exact_cpu_s(pid: int) -> float:
    """All threads, by the scheduler's own count of ns; finer than ticks."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def resident_mb(pid: int, what: str = "VmRSS") -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(what + ":"))
    return int(line.split()[1]) / 1024


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


def unpacked_gpsd(folder: Path, given: str | None) -> tuple[Path, dict[str, str]] | None:
    """gpsd's program and the environment that it needs; None with a reason printed."""
    root = Path(given) if given else folder / "gpsd"
    if not given:
        debs = folder / "debs"
        debs.mkdir()
        names = ["gpsd", "libgps28", "libbluetooth3", "libdbus-1-3", "libusb-1.0-0"]
        try:
            done = subprocess.run(
                ["apt-get", "download", *names], cwd=debs, capture_output=True, text=True, timeout=60, check=False
            )
            for deb in debs.glob("*.deb"):
                subprocess.run(["dpkg", "-x", str(deb), str(root)], check=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as e:
            print(f"gpsd: skipped, its package can't be unpacked here ({e})")
            return None
        if not (root / "usr/sbin/gpsd").exists():
            print(f"gpsd: skipped, its package is not to be had here ({done.stderr.strip().splitlines()[-1:]})")
            return None
    libraries = ":".join(str(p) for p in [*root.glob("usr/lib/*-linux-*"), *root.glob("lib/*-linux-*")])
    return root / "usr/sbin/gpsd", {**os.environ, "LD_LIBRARY_PATH": libraries}


def live(seconds: int, baud: int, gpsd_dir: str | None) -> bool:
    end: list[bool] = []
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gpsd = unpacked_gpsd(folder, gpsd_dir)
        begin = time.time_ns() // NS + 2
        stream = bursts(begin, seconds + START_S + 10, baud)
        receivers = [PtyReceiver(stream, baud) for _ in range(2 if gpsd else 1)]
        config = folder / "gpstime.toml"
        socket = str(folder / "status.sock")
        config.write_text(
            f'[receiver]\nport = "{receivers[0].path}"\nshare = true\n'
            f'[record]\nfolder = "{folder}/record"\n[service]\nsocket = "{socket}"\n'
        )
        child = [sys.executable, str(Path(__file__).parent / "service.py"), str(config), name]
        players = [threading.Thread(target=r.play, args=(Now(), lambda: bool(end)), daemon=True) for r in receivers]
        for player in players:
            player.start()
        try:
            with open(folder / "log", "wb") as log:
                environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
                started.append(subprocess.Popen(child, stderr=log, env=environment))
                if gpsd:
                    command = [str(gpsd[0]), "-N", "-n", "-b", "-S", "29471", receivers[1].path]
                    started.append(subprocess.Popen(command, env=gpsd[1], stderr=subprocess.DEVNULL))
            time.sleep(START_S)
            before = [exact_cpu_s(p.pid) for p in started]
            t0 = time.monotonic()
            time.sleep(seconds)
            span = time.monotonic() - t0
            after = [exact_cpu_s(p.pid) for p in started]
            status = ask_status(socket)
            rows = [
                (cpu * 3600 / span, resident_mb(p.pid), resident_mb(p.pid, "VmHWM"))
                for p, cpu in zip(started, [b - a for a, b in zip(before, after, strict=True)], strict=True)
            ]
        finally:
            end.append(True)
            for p in started:
                if p.poll() is None:
                    p.send_signal(signal.SIGTERM)
            for p in started:
                p.wait(20)
            for player in players:
                player.join(5)
            log_text = (folder / "log").read_text() if (folder / "log").exists() else ""
        receiver, pulse = status["receiver"], status["pulse"]
        assert isinstance(receiver, dict)
        assert isinstance(pulse, dict)
        print(
            f"{A_SECOND} sentences and a pulse a second at {baud} baud, {span:.0f} s: {status['status']}, "
            f"{receiver['sentences']} sentences, {pulse['count']} edges read"
        )
        for who, (cpu, rss, peak) in zip(("gpstime run", "gpsd"), rows, strict=False):
            print(f"{who:12} {cpu:6.2f} s of CPU an hour, {rss:5.1f} MB resident (peak {peak:.1f})")
        if status["status"] == "no-pulses" or not receiver["sentences"]:
            print(log_text)
        cpu, rss, _ = rows[0]
        return bool(receiver["sentences"]) and cpu <= CPU_S_PER_HOUR and rss <= RESIDENT_MB


def month(days: int) -> bool:
    """A simulated month, one sentence a second (its parsing is not what grows): memory at the end of each tenth."""
    engine = Engine(BUILT_IN.table)
    standing = Standing(engine, RawNs(0))
    journal = Journal(standing, 86_400, open(os.devnull, "w"), {})  # noqa: SIM115
    start = UtcTime.civil(2026, 3, 1).unix
    sizes = []
    t0 = time.process_time()
    per = days * 86_400 // 10
    wander = 0.0
    for k in range(days * 86_400):
        wander += 1e-3 * ((k * 2654435761 >> 7) % 2001 - 1000) / 1000  # a slow walk, the same in every run
        at = RawNs(10**11 + k * (NS + 1900) + round(wander))
        utc = UtcTime.from_unix(UnixNs(start + k * NS)).iso()
        day = f"{utc[8:10]}{utc[5:7]}{utc[2:4]}"
        body = f"GNRMC,{utc[11:13]}{utc[14:16]}{utc[17:19]}.00,A,5212.1,N,01323.2,E,0.0,,{day},,,A"
        check = 0
        for c in body.encode():
            check ^= c
        edge = PpsEdge(at, UnixNs(start + k * NS + 5000), seq=k & 0xFFFFFFFF, err_ns=100)
        chunk = SerialBytes(RawNs(at + 80_000_000), f"${body}*{check:02X}\r\n".encode())
        for event in (edge, chunk):
            standing(event)
            journal(event)
            for finding in engine.on(event)[0]:
                standing(finding)
                journal(finding)
        if k % per == per - 1:
            sizes.append(resident_mb(os.getpid()))
            print(f"day {(k + 1) / 86_400:5.1f}: {sizes[-1]:.2f} MB", flush=True)
    grown = sizes[-1] - sizes[0]
    print(f"a simulated month of {days} days: {grown:+.2f} MB from its first tenth on, {time.process_time() - t0:.0f} s of CPU")
    return grown < 0.5 and all(b - a < 0.3 for a, b in pairwise(sizes))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--baud", type=int, default=9600)
    parser.add_argument("--gpsd", metavar="DIR")
    parser.add_argument("--month", type=int, nargs="?", const=30, metavar="DAYS")
    args = parser.parse_args()
    ok = month(args.month) if args.month else live(args.seconds, args.baud, args.gpsd)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
