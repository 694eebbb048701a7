"""The real gpsd, unpacked from its Debian packages and never installed, reading a simulated receiver on a pty.

    python tests/reference/real_gpsd.py FOLDER      # fetches the packages with apt-get download and unpacks them there

Then `GPSTIME_GPSD=FOLDER` lets the tests find it (one on the PATH is found without). It listens on loopback on a port of its own.
gpsd itself never sets a clock.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gpstime.sim.pty_receiver import PtyReceiver
from gpstime.times import RawNs

PACKAGES = ("gpsd", "libgps28", "libusb-1.0-0", "libbluetooth3")
"""Of Debian 12; the libraries that gpsd links to and a small system lacks."""
STARTS_S = 5.0


@dataclass(frozen=True)
class Found:
    program: str
    libraries: str


def find() -> Found | None:
    """The unpacked one that GPSTIME_GPSD names, else one on the PATH, else None."""
    folder = os.environ.get("GPSTIME_GPSD")
    if folder:
        program = Path(folder) / "usr/sbin/gpsd"
        libraries = [str(p) for p in Path(folder).glob("**/*-linux-gnu*") if p.is_dir()]
        return Found(str(program), ":".join(libraries)) if program.exists() else None
    program_on_path = shutil.which("gpsd") or shutil.which("gpsd", path="/usr/sbin")
    return Found(program_on_path, "") if program_on_path else None


def unpack(folder: Path, packages: Iterable[str] = PACKAGES) -> None:
    """Fetch the packages and unpack them into `folder`; CalledProcessError where apt or the network is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["apt-get", "download", *packages], cwd=place, check=True, timeout=120)
        for package in Path(place).glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True, timeout=60)


@contextmanager
def running(found: Found, device: str) -> Iterator[int]:
    """gpsd in the foreground on `device`; gives its TCP port once it listens. RuntimeError with its words if it does not start."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    environment = {**os.environ, "LD_LIBRARY_PATH": found.libraries} if found.libraries else dict(os.environ)
    words = tempfile.TemporaryFile()  # noqa: SIM115  # closed below; read when it fails
    gpsd = subprocess.Popen([found.program, "-N", "-n", "-S", str(port), device], env=environment, stderr=words, stdout=words)
    try:
        end = time.monotonic() + STARTS_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                if gpsd.poll() is not None or time.monotonic() > end:
                    words.seek(0)
                    raise RuntimeError(words.read(2000).decode("utf-8", "replace").strip() or "gpsd does not listen") from None
                time.sleep(0.02)
        yield port
    finally:
        gpsd.terminate()
        try:
            gpsd.wait(5)
        except subprocess.TimeoutExpired:
            gpsd.kill()
            gpsd.wait()
        words.close()


class RealTime:
    """Plays a pty receiver in real time, bit by bit, between other things."""

    def __init__(self, receiver: PtyReceiver, begin: RawNs) -> None:
        self._receiver = receiver
        self._ahead = begin - time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        self.sent: list[int] = []
        """The raw clock (the machine's) at each portion sent."""

    def turn(self) -> bool:
        """Send what is due; False when everything was said."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        if self._receiver.advance(RawNs(now + self._ahead)):
            self.sent.append(now)
        return self._receiver.next_due is not None


class MachineClocks:
    """Fits `ports.Clocks` well enough for sentences: REAL between two readings of RAW."""

    def read(self) -> object:
        from gpstime.ports import Together
        from gpstime.times import UnixNs

        a = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        real, mono = time.clock_gettime_ns(time.CLOCK_REALTIME), time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        b = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        return Together(RawNs((a + b) // 2), UnixNs(real), mono, (b - a) // 2)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]))
    print(f"export GPSTIME_GPSD={Path(sys.argv[1]).resolve()}")
