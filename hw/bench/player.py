#!/usr/bin/env python3
"""Does things to the virtual board at their time. A line for each on standard input: `RAW_NS PATH TEXT` or `RAW_NS PATH hex:BYTES`,
or `RAW_NS clock NS`, which steps the system clock by so much.

A process of its own, so that nothing that the tests do delays a pulse. Times are on CLOCK_MONOTONIC_RAW, the board's crystal: a
crystal that is wrong is made by the spacing of what is played (adjtimex does not touch that clock). There is no sleep on the raw
clock, and MONOTONIC may be slewed by up to a tenth meanwhile: so it sleeps nine tenths of what is left, again and again, and the
last 50 us whole. Bytes, of which there are most and whose stamps nobody takes for better than a millisecond, are slept for whole
from 20 ms on: that halves what a simulated second costs. It never busy-waits: in time travel a spinning reader of the clock stops
the world.

In real time a player that was held up goes on with the spacing that it was told, that much later: else what was missed would come
all at once. In simulated time it is never held up.

On standard output: `done N LATEST_NS` at the end of the input, where LATEST_NS is how late the latest one was.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time

PULSE_CLOSE_NS = 50_000
BYTES_CLOSE_NS = 20_000_000
HELD_UP_NS = 20_000_000
CLOCK = "clock"
PR_SET_TIMERSLACK = 29
"""linux/prctl.h. A sleep may end 50 us late unless a program asks for less: the kernel gathers wake-ups."""


def raw_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


def wait_until(at: int, close_ns: int) -> int:
    """Sleep until the raw clock shows `at`, the last `close_ns` whole; how late it is then, in ns."""
    while (left := at - raw_ns()) > 0:
        time.sleep((left if left < close_ns else left * 9 // 10) / 1e9)
    return -left


def main() -> int:
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    files: dict[str, int] = {}
    n = latest = behind = 0
    for line in sys.stdin:
        at, path, text = line.rstrip("\n").split(" ", 2)
        said = text.startswith("hex:")
        data = bytes.fromhex(text[4:]) if said else text.encode()
        if path not in files and path != CLOCK:
            files[path] = os.open(path, os.O_WRONLY | os.O_NOCTTY)
        late = wait_until(int(at) + behind, BYTES_CLOSE_NS if said else PULSE_CLOSE_NS)
        if path == CLOCK:
            time.clock_settime_ns(time.CLOCK_REALTIME, time.time_ns() + int(text))
        else:
            os.write(files[path], data)
        n, latest = n + 1, max(latest, behind + late)
        if late > HELD_UP_NS:
            behind += late
    print(f"done {n} {latest}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
