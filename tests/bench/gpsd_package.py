"""gpsd to compare with: Debian's package, fetched with apt-get and unpacked beside the build products, never installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

KEPT = Path(__file__).resolve().parents[2] / "out" / "gpsd"
PORT = "29471"
_LIBRARIES = ("libgps", "libbluetooth", "libdbus", "libusb")
"""Beginnings of the libraries' packages that a machine without gpsd may lack; their numbers differ from release to release."""


def unpacked(given: str | None = None) -> tuple[list[str], dict[str, str]] | None:
    """gpsd's command without its device, and the environment that it needs; None with a reason printed. `given`: a folder."""
    root = Path(given) if given else KEPT
    program = root / "usr/sbin/gpsd"
    if not program.exists():
        why = "no usr/sbin/gpsd in it" if given else _fetch(root)
        if why:
            print(f"gpsd: left out, its package can't be unpacked here: {why}", flush=True)
            return None
    libraries = ":".join(str(p) for p in [*root.glob("usr/lib/*-linux-*"), *root.glob("lib/*-linux-*")])
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    try:
        version = subprocess.run([program, "-V"], env=environment, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as e:
        said = getattr(e, "stderr", "") or str(e)
        print(f"gpsd: left out, the unpacked one does not start here: {' '.join(said.split())}", flush=True)
        return None
    print(f"gpsd: {' '.join(version.stdout.split())}, unpacked in {root}", flush=True)
    return [str(program), "-N", "-n", "-b", "-S", PORT], environment


def _fetch(root: Path) -> str:
    """Fetch and unpack; why not, empty if it is there."""
    debs = root / "debs"
    try:
        debs.mkdir(parents=True, exist_ok=True)
        asked = subprocess.run(["apt-cache", "depends", "gpsd"], capture_output=True, text=True, timeout=60, check=False)
        words = [line.split() for line in asked.stdout.splitlines()]
        needed = [name for _, name in (w for w in words if len(w) == 2) if name.startswith(_LIBRARIES)]
        if not words:
            return "apt knows no gpsd (apt-get update?)"
        print(f"gpsd: fetching {', '.join(['gpsd', *needed])} ...", flush=True)
        done = subprocess.run(
            ["apt-get", "download", "gpsd", *needed], cwd=debs, capture_output=True, text=True, timeout=120, check=False
        )
        for deb in sorted(debs.glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(deb), str(root)], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as e:
        return str(e)
    return "" if (root / "usr/sbin/gpsd").exists() else " ".join((done.stderr.splitlines() or ["nothing came"])[-1].split())
