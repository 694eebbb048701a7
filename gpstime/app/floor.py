"""The lower bound of a live board's time: the day of this release, or the last second of the record, if that is believable.

A wrong date in the record (a receiver that was spoofed, or came back wrong from a rollover) would bar every true one until it is
reached. So a recorded second in the future of a clock that can be trusted is not used, nor one that is absurdly far from the
release; both are said.
"""

from __future__ import annotations

from gpstime.core.leap import BUILT_IN
from gpstime.times import DAY_S, NS, UtcTime

SYNC_NS = 60 * NS
"""A record may be this much ahead of a system clock that the kernel holds for right: its error is seconds at most."""
RTC_NS = 30 * DAY_S * NS
"""And this much ahead of an RTC, which may be off by minutes a month, for years."""
LONGEST_DAYS = 10 * 365
"""Without any witness: a release is not in use for longer than this, and a date that came back wrong from a rollover is 19.6 years
off."""
BUILT = UtcTime.from_unix(BUILT_IN.updated_s * NS)
"""The day of this release's own leap-second list."""


def floor(record: UtcTime | None, system: UtcTime, synchronized: bool, rtc: UtcTime | None) -> tuple[UtcTime, str]:
    """The lower bound, and a sentence about the record where it is used or refused (empty without one).

    `system`: what the system clock shows, `synchronized`: the kernel holds it for right. `rtc`: what the board's clock chip shows,
    None without one; one that shows a time before this release has lost it and says nothing.
    """
    if record is None or record <= BUILT:
        return BUILT, ""
    ahead = f"the record's last second, {record.iso()}, is not used as the lower bound of time: it lies"
    if synchronized and system >= BUILT:
        if record.unix > system.unix + SYNC_NS:
            return BUILT, f"{ahead} in the future of the system clock ({system.iso()}), which is synchronized"
    elif rtc is not None and rtc >= BUILT:
        if record.unix > rtc.unix + RTC_NS:
            return BUILT, f"{ahead} in the future of the board's clock chip ({rtc.iso()})"
    elif record.day > BUILT.day + LONGEST_DAYS:
        return BUILT, f"{ahead} more than {LONGEST_DAYS // 365} years after this release, and no other clock knows better"
    return record, f"time is not before {record.iso()}, the last second of the record"
