"""Is the service flat over a month? The resident memory of a simulated one: at its start, after each week, and at its end.

All that `gpstime run` keeps takes part (see month.py); the record goes to a folder and is thrown away. `--days`: how many (30);
`--minutes`: when to stop all the same (10) and judge what there is. Exit code 1 if memory grew after the first day by more than
half a megabyte.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from figures import resident_mb, say
from month import Service, weight

MOST_MB = 0.5
DAY = 86_400
COMMIT_S = 300.0
"""Of the record: a month of commits every minute would measure this machine's disk."""


def main() -> int:
    parser = argparse.ArgumentParser(description="the service's memory over a simulated month")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=10.0)
    args = parser.parse_args()
    end = time.monotonic() + 60 * args.minutes
    with tempfile.TemporaryDirectory() as name:
        service = Service(Path(name), COMMIT_S)
        sizes = []

        def look(day: int) -> None:
            service.record.commit()
            sizes.append(resident_mb())
            objects, held = weight(service)
            print(
                f"day {day:3}: {sizes[-1]:6.2f} MB resident, {objects} objects of {held / 1000:.0f} kB held by the service",
                flush=True,
            )

        service.live(0, 3600)
        print(f"after an hour: {resident_mb():.2f} MB resident", flush=True)
        day, before = 0, 3600
        while day < args.days and time.monotonic() < end:
            day += 1
            service.live(before, day * DAY)
            before = day * DAY
            if day in (1, args.days) or day % 7 == 0:
                look(day)
        if day < args.days:
            look(day)
            print(f"stopped after {args.minutes:g} minutes of this machine's time, at day {day} of {args.days}")
        state = service.record.facts
        service.close()
    grown = sizes[-1] - sizes[0]
    ok = grown <= MOST_MB and state["state"] == "ok"
    print(f"from day 1 to day {day}: {grown:+.2f} MB (limit {MOST_MB:g}): {'met' if ok else 'MISSED'}; record {state['state']}")
    say(f"memory gained in {day} days", f"{grown:+.2f} MB", f"{MOST_MB:g} MB", ok=ok)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
