"""The installed chrony: where it is, what version, and what chronyc says. Only asked, never told anything."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from gpstime.drivers.time_width import program
from gpstime.errors import DeviceError, DeviceMissing

PATIENCE_S = 10.0
_VERSION = re.compile(r"version (\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def version_in(text: str) -> Version | None:
    """From what `chronyd --version` prints; None if nothing of it is one (a build from source may say DEVELOPMENT)."""
    found = _VERSION.search(text)
    return Version(int(found[1]), int(found[2])) if found else None


def installed(path: str | None = None) -> Version:
    """The version of chronyd; DeviceMissing where there is none, DeviceError where it does not say."""
    chronyd = path or program("chronyd")
    if chronyd is None:
        raise DeviceMissing("no chronyd is installed here: apt install chrony, or --chrony 4.3 prints the lines for that version")
    said = ""
    for option in ("--version", "-v"):
        said = _output([chronyd, option])[1]
        if found := version_in(said):
            return found
    raise DeviceError(f"{chronyd} --version says {said.strip()[:60]!r}, which is no version: name one with --chrony 4.3")


def sources(path: str | None = None, server: str | None = None) -> str:
    """What `chronyc -c sources` says; DeviceMissing or DeviceError with why there is nothing. `server`: the command socket."""
    chronyc = path or program("chronyc")
    if chronyc is None:
        raise DeviceMissing("no chronyc is installed here: apt install chrony")
    code, said = _output([chronyc, *(["-h", server] if server else []), "-c", "-n", "sources"])
    if code != 0:
        raise DeviceError(f"chronyd does not answer ({' '.join(said.split())[:80] or 'chronyc failed'}): systemctl status chrony")
    return said


def _output(command: list[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_S,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        raise DeviceError(f"{command[0]} can't be run: {e}") from None
    return done.returncode, done.stdout or done.stderr
