"""Is this date believable? Bounds, receivers that invent one, and the GPS week rollover.

A receiver without almanac counts 1024 weeks from somewhere, so a rolled date is 7168 days (or twice that) early. Putting a date
back is a guess that turns cold-start junk into plausible dates (1980-01-06 becomes 2019-04-07), so it needs a lower bound, a
minute of sustained fix with the same multiple, and a result close to what the world knows already.
"""

from __future__ import annotations

from gpstime.times import NS, RawNs, UtcTime

ROLLOVER_DAYS = 7168
SUSTAINED_NS = 60 * NS
PAUSE_NS = 10 * NS
"""A longer pause between two epochs ends what was sustained."""
NEAR_DAYS = 730
"""A corrected date must be within two years after the lower bound, or around the date of a trusted RTC."""
PLAUSIBLE_DAYS = 40 * 365
FIRST_DAY = UtcTime.civil(1990, 1, 1).day
"""No receiver gave NMEA dates that were true before this."""
END_DAY = UtcTime.civil(2100, 1, 1).day
INVENTED = frozenset(
    UtcTime.civil(*date).day
    for date in ((1980, 1, 5), (1980, 1, 6), (1980, 1, 7), (2080, 1, 5), (2080, 1, 6), (2080, 1, 7), (2013, 9, 1), (2013, 9, 2))
)
"""Days on which receivers start that know nothing (MTK3339 1980 or 2080-01-05, u-blox 7 and 8 2013-09-01): never corrected."""


class DateRule:
    """Judges the date of valid epochs, in order. `corrected_weeks`: what was added to the last date that was put back."""

    def __init__(self, not_before: UtcTime | None) -> None:
        self.not_before = not_before
        self.corrected_weeks = 0
        self._multiple = 0
        self._since: RawNs | None = None
        self._last = RawNs(0)

    def interrupt(self) -> None:
        """The fix was lost: nothing is sustained."""
        self._since = None

    def judge(self, second: UtcTime, at: RawNs, rtc_day: int | None) -> tuple[UtcTime | None, str]:
        """The second to use (None: don't) and the reason to count ("" for an ordinary date)."""
        floor = self.not_before
        if floor is not None and second < floor:
            return self._early(second, floor, at, rtc_day)
        self._since = None
        if not FIRST_DAY <= second.day < END_DAY or (second.day in INVENTED and second.day > FIRST_DAY + PLAUSIBLE_DAYS):
            return None, "implausible-date"
        if floor is not None and second.day > floor.day + PLAUSIBLE_DAYS:
            return None, "implausible-date"
        self.corrected_weeks = 0
        return second, ""

    def _early(self, second: UtcTime, floor: UtcTime, at: RawNs, rtc_day: int | None) -> tuple[UtcTime | None, str]:
        multiple = -((second.day - floor.day) // ROLLOVER_DAYS)
        whole = UtcTime(second.day + multiple * ROLLOVER_DAYS, second.ns_of_day)
        if whole < floor:
            multiple += 1
            whole = UtcTime(whole.day + ROLLOVER_DAYS, second.ns_of_day)
        near = whole.day - floor.day <= NEAR_DAYS if rtc_day is None else abs(whole.day - rtc_day) <= NEAR_DAYS
        if second.day in INVENTED or not near:
            self._since = None
            return None, "before-lower-bound"
        if self._since is None or multiple != self._multiple or not 0 <= at - self._last <= PAUSE_NS:
            self._since, self._multiple = at, multiple
        self._last = at
        if at - self._since < SUSTAINED_NS:
            return None, "before-lower-bound"
        self.corrected_weeks = 1024 * multiple
        return whole, "rollover-corrected"
