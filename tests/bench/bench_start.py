"""How long `gpstime --help` takes against the start of bare Python (the bound is 4 times; imports are late for its sake)."""

from __future__ import annotations

import subprocess
import sys
import time

ROUNDS = 15
BOUND = 4.0


def best(command: list[str]) -> float:
    """Seconds of the fastest of several starts: the others were disturbed."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        taken.append(time.perf_counter() - began)
    return min(taken)


def ratio() -> tuple[float, float, float]:
    """Seconds of bare Python, seconds of `gpstime --help`, and their ratio."""
    bare = best([sys.executable, "-c", "pass"])
    ours = best([sys.executable, "-c", "import sys; from gpstime.cli import main; sys.exit(main(['--help']))"])
    return bare, ours, ours / bare


if __name__ == "__main__":
    bare_s, help_s, times = ratio()
    print(f"bare Python {bare_s * 1e3:.1f} ms, gpstime --help {help_s * 1e3:.1f} ms: {times:.2f} times (bound {BOUND:g})")
    sys.exit(times > BOUND)
