"""Who else has a device open: gpsd, a login console (getty), ModemManager, or anything (P5).

Two readers of one port each get a part of the bytes, and mostly nobody is told: so they are looked for and named. Without root the
open files of other users' processes can't be read; a daemon that names the port in its command line is found all the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_NAMED = frozenset(("gpsd", "agetty", "getty", "login", "chronyd", "ntpd", "pppd", "hciattach"))
"""Programs that hold a port which their command line names; an editor or a `grep` may name one too and holds nothing."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has the device open (`sure`), or whose command line says that it is there for it."""

    pid: int
    command: str
    sure: bool
    device: str

    @property
    def remedy(self) -> str:
        """What to do, as commands for people."""
        port = os.path.basename(self.device)
        if self.command == "gpsd":
            return 'stop it: systemctl stop gpsd.socket gpsd, or take its word: source = "gpsd" in /etc/gpstime.toml'
        if self.command in ("agetty", "getty", "login"):
            return (
                f"it is a login console: systemctl disable --now serial-getty@{port}.service, and remove console={port},... or "
                "console=serial0,... from cmdline.txt"
            )
        if self.command == "ModemManager":
            return "it takes the receiver for a modem: systemctl stop ModemManager, or a udev rule with ID_MM_DEVICE_IGNORE=1"
        return f"stop it (kill {self.pid}) or give it another port"

    def sentence(self) -> str:
        how = "is also open by" if self.sure else "seems to be in use by"
        return f"{self.device} {how} {self.command} (pid {self.pid}): {self.remedy}."


def holders(device: str, proc: Path = PROC, own: int | None = None) -> list[Holder]:
    """The other processes that hold `device` (a node, or a link to one), surest first. Never raises; `own` is left out."""
    own = os.getpid() if own is None else own
    node = os.path.realpath(device)
    names = {device, node}
    found = []
    for pid in _pids(proc):
        if pid == own:
            continue
        place = proc / str(pid)
        command = _read(place / "comm").strip()
        if _has_open(place / "fd", node):
            if _far_end(place, node) or _pulse_keeper(place, command):
                continue
            found.append(Holder(pid, command or "a process", True, device))
        elif command in _NAMED and _names(place / "cmdline", names):
            found.append(Holder(pid, command, False, device))
    return sorted(found, key=lambda h: (not h.sure, h.pid))


def _pids(proc: Path) -> Iterator[int]:
    try:
        names = os.listdir(proc)
    except OSError:
        return
    yield from sorted(int(name) for name in names if name.isascii() and name.isdigit())


def _has_open(folder: Path, node: str) -> bool:
    try:
        names = os.listdir(folder)
    except OSError:  # another user's, or it has ended
        return False
    for name in names:
        try:
            if os.readlink(folder / name) == node:
                return True
        except OSError:
            continue
    return False


def _far_end(place: Path, node: str) -> bool:
    """Whoever has the master of this pty is its other end and no second reader: a program that plays receiver may open both."""
    folder, _, number = node.rpartition("/")
    if folder != "/dev/pts":
        return False
    try:
        masters = [fd for fd in os.listdir(place / "fd") if os.readlink(place / "fd" / fd) in ("/dev/ptmx", "/dev/pts/ptmx")]
    except OSError:
        return False
    return any(f"tty-index:\t{number}\n" in _read(place / "fdinfo" / fd) for fd in masters)


def _pulse_keeper(place: Path, command: str) -> bool:
    """`ldattach PPS` keeps a port open so that the kernel times its carrier-detect line; it reads nothing."""
    return command == "ldattach" and not {"PPS", "pps", "18"}.isdisjoint(_read(place / "cmdline").split("\0"))


def _names(path: Path, names: set[str]) -> bool:
    """Does the command line name the device, in full or (a getty) without /dev/?"""
    words = _read(path).split("\0")
    return any(word in names or f"/dev/{word}" in names for word in words if word)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
