"""The true-time axis: whole true seconds k = 0, 1, ... since the start of the run, and what UTC calls them."""

from __future__ import annotations

from gpstime.times import DAY_S, NS, LeapTable, TaiNs, UtcTime


class Calendar:
    """Names true seconds. Inside the simulation true time is int ns since the start, which is a whole UTC second."""

    def __init__(self, start: UtcTime, leap: LeapTable) -> None:
        self.start = UtcTime(start.day, start.ns_of_day // NS * NS)
        self.leap = leap
        self.tai0 = leap.tai(self.start)
        self._first = self.start.day * DAY_S + self.start.ns_of_day // NS
        # Each leap second in reach: (k of the first second that counts differently, +1 inserted or -1 removed).
        self._turns: list[tuple[int, int]] = []
        at_start = leap.at(self.start).tai_minus_utc_s
        before = at_start
        for day, after in zip(leap.starts, leap.offsets_s, strict=True):
            if day > self.start.day:
                k = day * DAY_S + after - at_start - self._first
                self._turns.append((k, after - before))
                before = after

    def name(self, k: int) -> tuple[int, int]:
        """(day since 1970, second of day) of true second k; the second of day is 86 400 in a leap second."""
        count = self._first + k
        for turn, change in self._turns:
            if k >= turn:
                count -= change
            elif change > 0 and k >= turn - change:
                return (count - (k - turn + change)) // DAY_S - 1, DAY_S + (k - turn + change)
            else:
                break
        return divmod(count, DAY_S)

    def utc(self, k: int) -> UtcTime:
        day, second = self.name(k)
        return UtcTime(day, second * NS)

    def tai(self, k: int) -> TaiNs:
        return TaiNs(self.tai0 + k * NS)

    def unix_ns(self, true_ns: int) -> int:
        """What a perfect POSIX clock shows (during a leap second it repeats the second before: the kernel's way)."""
        k, rest = divmod(true_ns, NS)
        day, second = self.name(k)
        return (day * DAY_S + min(second, DAY_S - 1)) * NS + rest

    def leap_seconds_until(self, k_end: int) -> list[int]:
        """The true seconds 0 <= k < k_end in which an inserted leap second begins."""
        return [turn - change for turn, change in self._turns if change > 0 and 0 <= turn - change < k_end]
