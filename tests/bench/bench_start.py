"""How long `gpstime --help` takes against the start of bare Python (the bound is 4 times; imports are late for its sake)."""

from __future__ import annotations

import subprocess
import sys
import time

ROUNDS = 15
BOUND = 4.0


BARE = [sys.executable, "-c", "pass"]
HELP = [sys.executable, "-c", "import sys; from gpstime.cli import main; sys.exit(main(['--help']))"]


def _start(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def ratio() -> tuple[float, float, float]:
    """Seconds of bare Python, seconds of `gpstime --help`, and their ratio: of each the fastest start, taken in turns, because
    the others were disturbed, and a disturbance that lasts should hit both."""
    pairs = [(_start(BARE), _start(HELP)) for _ in range(ROUNDS)]
    bare, ours = (min(column) for column in zip(*pairs, strict=True))
    return bare, ours, ours / bare


if __name__ == "__main__":
    from figures import say

    bare_s, help_s, times = ratio()
    print(f"bare Python {bare_s * 1e3:.1f} ms, gpstime --help {help_s * 1e3:.1f} ms: {times:.2f} times (bound {BOUND:g})")
    say("start (gpstime --help), against bare Python", f"{times:.2f} times", f"{BOUND:g} times", ok=times <= BOUND)
    sys.exit(times > BOUND)
