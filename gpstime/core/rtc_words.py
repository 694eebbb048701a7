"""Who set the RTC, as far as it can be told from when and by how much, and what is said of it."""

from __future__ import annotations

from collections import deque

from gpstime.core.rtc_chain import Broken
from gpstime.times import NS, RawNs

KERNEL_S = 660
"""A kernel whose clock is synchronised (STA_UNSYNC is clear) writes it to the RTC every eleven minutes (kernel/time/ntp.c)."""
MISSED = 6
"""So many rewrites in between may have been too small to be seen."""
LATE_S = 3
WAIT_S, STOPPED = 330, 3
"""How long a rewrite may take to show; so many in a row that did not show, and the kernel has stopped."""
NEAR_NS = 20_000_000
"""The kernel writes within a few timer ticks of its clock's second; nearer than this to it, the clock was set from that."""


FOLDED = (
    "folded at eleven minutes its phase is a sawtooth: the kernel, whose clock is synchronised, writes it again each time, by too "
    "little to be seen at once; let nobody clear STA_UNSYNC while it is measured (chrony: no rtcsync), or take its driver off"
)


class Setter:
    """Remembers when it was set (brackets on the raw clock), and when the kernel will set it again once its rhythm is known."""

    def __init__(self) -> None:
        self._sets: deque[tuple[int, int]] = deque(maxlen=8)
        self._kernel: tuple[int, int] | None = None
        self._unseen = 0

    def rhythm(self, broken: Broken) -> bool:
        """Whether this set and an earlier one can lie on the kernel's grid of eleven minutes."""
        found = any(on_grid(broken, after, at) for after, at in self._sets)
        self._sets.append((broken.after, broken.at))
        if found:
            self._kernel, self._unseen = (broken.after, broken.at), 0
        return found

    def overdue(self, at: int) -> RawNs | None:
        """Since when a rewrite must have happened that nobody saw by now: too small to show, and still no drift."""
        if self._kernel is None or at < self._kernel[1] + (KERNEL_S + WAIT_S) * NS:
            return None
        since = self._kernel[0] + (KERNEL_S - LATE_S) * NS
        self._kernel = since, self._kernel[1] + (KERNEL_S + LATE_S) * NS
        self._unseen += 1
        if self._unseen > STOPPED:
            self._kernel = None
        return RawNs(since)


def on_grid(broken: Broken, after: int, at: int) -> bool:
    """Whether whole elevens of minutes may lie between this set and an earlier one, between `after` and `at`."""
    least_s, most_s = (broken.after - at) / NS, (broken.at - after) / NS
    return any(least_s <= m * KERNEL_S + m * LATE_S and most_s >= m * KERNEL_S - m * LATE_S for m in range(1, MISSED + 1))


def because(broken: Broken, setter: Setter, system_ns: int | None) -> tuple[str, str]:
    """(reason, sentence) of a break. `system_ns`: how far the RTC's second now begins from the system clock's (positive: early)."""
    if broken.jump_ns is None:
        assert broken.bend_ppb is not None
        return "rate-change", (
            f"its rate changed by {broken.bend_ppb / 1000:+.2f} ppm at once: temperature, supply (mains or battery) or trim"
        )
    size = f"it was set by {_span(broken.jump_ns)}"
    from_system = ""
    if system_ns is not None and abs(system_ns) < NEAR_NS:
        from_system = f", to within {_span(abs(system_ns)).lstrip('+')} of the system clock's second"
    if setter.rhythm(broken):
        return "kernel-rewrite", (
            f"{size}{from_system}, eleven minutes or a multiple of them after the last time: that is the kernel, whose clock is "
            "synchronised; let nobody clear STA_UNSYNC while it is measured (chrony: no rtcsync), or take the kernel's driver off"
        )
    return "set", f"{size}{from_system}: somebody set it (hwclock, the kernel, another program)"


def _span(ns: int) -> str:
    size = abs(ns)
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if size >= scale:
            return f"{ns / scale:+.3g} {unit}"
    return f"{ns:+d} ns"
