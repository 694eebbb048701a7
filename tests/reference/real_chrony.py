"""The real chronyd, unpacked from Debian's package and never installed, in the foreground with -x: it never touches the clock.

    python tests/reference/real_chrony.py      # fetches the package with apt-get download and unpacks it into out/chrony

A test does that by itself. `GPSTIME_CHRONY=FOLDER` names another unpacked package (usr/sbin/chronyd in it). chronyd listens on a
socket in a folder of its own and on nothing else, and is ended by its process id. It runs under another name, so that nobody who
looks who steers this machine's clock takes it for the machine's own.
"""

from __future__ import annotations

import ctypes
import functools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gpstime.drivers.ntp_shm import KEY
from gpstime.model import Adjustment, Applied, Event
from gpstime.ports import World

KEPT = Path(__file__).resolve().parents[2] / "out" / "chrony"
RARE = ("libedit2", "libbsd0", "libmd0", "libcap2", "libseccomp2")
"""What chronyd and chronyc link to and a small system may lack; fetched only where the loader misses something."""
FETCH_S, STARTS_S = 180.0, 60.0


@dataclass(frozen=True)
class Found:
    """Folders that hold the programs and libraries."""

    root: Path
    libraries: str

    def environment(self) -> dict[str, str]:
        return {**os.environ, "LC_ALL": "C"} | ({"LD_LIBRARY_PATH": self.libraries} if self.libraries else {})

    @property
    def chronyd(self) -> Path:
        return self.root / "usr/sbin/chronyd"

    @property
    def chronyc(self) -> Path:
        return self.root / "usr/bin/chronyc"


@functools.cache
def find() -> Found | str:
    """The unpacked one, fetched if need be; why there is none, in a sentence."""
    if _my_name() is None:
        return f"user {os.geteuid()} has no name here, and chronyd asks for one"
    given = os.environ.get("GPSTIME_CHRONY")
    root = Path(given) if given else KEPT
    if not (root / "usr/sbin/chronyd").exists():
        if given:
            return f"GPSTIME_CHRONY={given} has no usr/sbin/chronyd"
        if why := _fetch(root):
            return f"Debian's chrony can't be had here: {why}"
    found = Found(root, ":".join(str(p) for p in [*root.glob("usr/lib/*-linux-*"), *root.glob("lib/*-linux-*")]))
    for program in (found.chronyd, found.chronyc):
        try:
            subprocess.run([program, "-v"], env=found.environment(), capture_output=True, timeout=60, check=True)
        except (OSError, subprocess.SubprocessError) as e:
            said = getattr(e, "stderr", None) or str(e).encode()
            return f"the unpacked {program.name} does not start here: {' '.join(said.decode('utf-8', 'replace').split())}"
    return found


def _fetch(root: Path) -> str:
    """Fetch and unpack into `root`, which appears as a whole; why not, empty if it is there."""
    root.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=root.parent) as place:
            folder, debs = Path(place, "root"), Path(place, "debs")
            debs.mkdir()
            if why := _download(debs, ["chrony"], Path(place)):
                return why
            _unpack(debs, folder)
            if any(b"not found" in _loads(folder / p) for p in ("usr/sbin/chronyd", "usr/bin/chronyc")):
                _download(debs, list(RARE), Path(place))
                _unpack(debs, folder)
            try:
                folder.rename(root)
            except OSError:
                if not root.exists():  # else another test run was faster
                    raise
    except (OSError, subprocess.SubprocessError) as e:
        return str(e)
    return ""


def _download(debs: Path, packages: list[str], place: Path) -> str:
    """With the machine's own lists of packages; where it has none (a bare container), with lists fetched for this alone."""
    lists = place / "lists"
    own = ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={place}"]
    why = ""
    for options in ([], own):
        if options:
            (lists / "partial").mkdir(parents=True, exist_ok=True)
            subprocess.run(["apt-get", *options, "-qq", "update"], capture_output=True, timeout=FETCH_S, check=False)
        done = subprocess.run(
            ["apt-get", *options, "download", *packages], cwd=debs, capture_output=True, text=True, timeout=FETCH_S, check=False
        )
        if done.returncode == 0:
            return ""
        why = " ".join((done.stderr.strip().splitlines() or ["nothing came"])[-1].split())
    return why


def _unpack(debs: Path, folder: Path) -> None:
    for deb in sorted(debs.glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(deb), str(folder)], check=True, capture_output=True, timeout=60)


def _loads(program: Path) -> bytes:
    ldd = shutil.which("ldd")
    return subprocess.run([ldd, program], capture_output=True, timeout=60, check=False).stdout if ldd else b""


def _my_name() -> str | None:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return None


class Running:
    """chronyd with the reference clocks of `lines`; `{folder}` in them is its folder."""

    def __init__(self, found: Found, folder: Path, lines: str) -> None:
        self.found, self.folder = found, folder
        self._lines = lines.replace("{folder}", str(folder))
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; RuntimeError with its words if it does not."""
        folder, conf, name = self.folder, self.folder / "conf", self.folder / "tested-chronyd"
        conf.write_text(f"{self._lines}\nport 0\ncmdport 0\nbindcmdaddress {folder}/command\npidfile {folder}/pid\n")
        if not name.exists():
            name.symlink_to(self.found.chronyd)
        # Stay who starts it, instead of _chrony, who may not be there; -U: that need not be root.
        me = ["-u", _my_name() or "root", *([] if os.geteuid() == 0 else ["-U"])]
        with self._log.open("ab") as log:
            # -x: never touch the clock. -d: in the foreground.
            command = [name, "-x", "-d", *me, "-f", conf]
            self._process = subprocess.Popen(
                command, env=self.found.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        end = time.monotonic() + STARTS_S
        while self.ask("tracking") is None:
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(self.said().strip() or "chronyd does not answer")
            time.sleep(0.02)

    def said(self) -> str:
        return self._log.read_text("utf-8", "replace")[-3000:] if self._log.exists() else ""

    def ask(self, *commands: str) -> list[list[str]] | None:
        """What chronyc says, a list of fields for each line; None where it had no answer."""
        command = [self.found.chronyc, "-h", f"{self.folder}/command", "-c", "-m", *commands]
        try:
            done = subprocess.run(command, env=self.found.environment(), capture_output=True, text=True, timeout=30, check=False)
        except subprocess.TimeoutExpired:
            return None
        return [line.split(",") for line in done.stdout.splitlines()] if done.returncode == 0 else None

    def table(self) -> str:
        """What chronyc shows to people, the legend above it."""
        command = [self.found.chronyc, "-h", f"{self.folder}/command", "-n", "sources", "-v"]
        return subprocess.run(command, env=self.found.environment(), capture_output=True, text=True, timeout=30, check=True).stdout

    def stop(self, kill: bool = False) -> None:
        """End it by its process id; `kill`: so that it has no time to clean up."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill() if kill else process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running(found: Found, lines: str) -> Iterator[Running]:
    """chronyd, ended whatever happens. In a short folder: a socket's path holds 107 bytes. RuntimeError if it does not start."""
    with tempfile.TemporaryDirectory(prefix="gpstime-") as place:  # 0700, as chronyd wants the folder of its command socket
        chronyd = Running(found, Path(place), lines)
        try:
            chronyd.start()
            yield chronyd
        finally:
            chronyd.stop()


# ---- this machine's clock under a simulated board ------------------------------------------------------------------------------


def realtime() -> int:
    """What this machine's system clock shows, in ns."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME)


class Paced:
    """A simulated world whose events come when this machine's clock shows what the board's clock shows. Fits `ports.World`.

    What lies in the past when it begins comes at once; `live` from then on. Ends when `over` is set.
    """

    def __init__(self, world: World, shown: Callable[[int], int]) -> None:
        self._world, self._shown = world, shown
        self.live = self.over = False

    def events(self) -> Iterator[Event]:
        for event in self._world.events():
            while (left_ns := self._shown(event.at) - realtime()) > 0:
                self.live = True
                time.sleep(min(left_ns / 1e9 + 1e-4, 1.0))
            yield event
            if self.over:
                return

    def adjust(self, adjustment: Adjustment) -> Applied:
        raise AssertionError("nobody steers here")

    def close(self) -> None:
        self._world.close()


def removed_segment(unit: int) -> None:
    """Take the shared memory of `unit` away, if it is there: it would outlive this process."""
    libc = ctypes.CDLL(None)
    ident = libc.shmget(KEY + unit, 0, 0)
    if ident >= 0:
        libc.shmctl(ident, 0, None)  # IPC_RMID


if __name__ == "__main__":
    print(find())
