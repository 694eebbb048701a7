"""Telling others the time: a sink that gives every labelled pulse to chrony's SOCK or NTP's SHM, and how each feed stands.

Nothing here waits: a socket that is absent, forbidden or full is a state that is told once and tried again with the next pulse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gpstime.app.settings import AUTO
from gpstime.app.settings import Feeds as Wanted
from gpstime.core.engine import Engine
from gpstime.core.feed import TAKEN, FeedGate, Sample, Taking
from gpstime.model import Epoch, Event, Finding, LabelChange, Offset, Tick
from gpstime.times import NS, LeapTable, RawNs

RECENT_NS = 5 * NS
"""A sample this long ago, and none since: nothing is fed any more."""


class Door(Protocol):
    """Where samples go. `kind`: sock or shm; `to`: which one."""

    @property
    def kind(self) -> str: ...

    @property
    def to(self) -> str: ...

    def offer(self, sample: Sample) -> Taking:
        """Hand it over at once, or say why not."""
        ...

    def look(self) -> Taking:
        """Whether that would work now."""
        ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Feed:
    """One door and what happened at it. `sent`: samples that the kernel took; `failed`: those it did not."""

    door: Door
    taking: Taking = TAKEN
    sent: int = 0
    failed: int = 0
    sent_at: RawNs | None = None
    last: Sample | None = None
    told: str = ""

    def standing(self, now: RawNs, why_not: str, withheld: bool = False) -> tuple[str, str]:
        """One word and a sentence: `feeding`, `waiting` (nothing to feed), or what is wrong at the door.

        `withheld`: the last pulse could have been fed and was not, for a reason that lasts.
        """
        if self.taking.state != "ok":
            return self.taking.state, self.taking.why
        if self.sent_at is not None and now - self.sent_at <= RECENT_NS and not withheld:
            return "feeding", f"every labelled pulse goes to {self.door.to}"
        return "waiting", why_not


class Feeds:
    """A `ports.Sink`, once it was attached to an engine. `told` hears in a sentence when a feed changes its state."""

    def __init__(
        self, doors: Sequence[Door], now: Callable[[], RawNs], told: Callable[[str], None] = lambda sentence: None
    ) -> None:
        self.feeds = [Feed(door) for door in doors]
        self._now, self._told = now, told
        self._engine: Engine | None = None
        self._gate: FeedGate | None = None
        self._why_not, self._withheld = "no pulse yet", False
        self._fed_since_tick = False

    def attach(self, engine: Engine, leap: LeapTable) -> None:
        """The engine whose findings will come, and its table of leap seconds."""
        self._engine, self._gate = engine, FeedGate(leap)

    def __call__(self, value: Event | Finding) -> None:
        engine, gate = self._engine, self._gate
        assert engine is not None, "attach an engine first"
        assert gate is not None
        if isinstance(value, Offset):
            found = gate.take(value, engine.pairing.fix, engine.pairing.why)
            if isinstance(found, Sample):
                self._withheld = False
                self._offer(found, value.at)
            else:
                self._why_not, self._withheld = found.why, not found.passing
            self._tell(value.at)
        elif isinstance(value, Epoch):
            gate.on_epoch(value)
        elif isinstance(value, LabelChange):
            gate.on_label(value)
        elif isinstance(value, Tick):
            self._tick(value.at)

    def _offer(self, sample: Sample, at: RawNs) -> None:
        self._why_not = "no pulse comes any more"
        self._fed_since_tick = True
        for feed in self.feeds:
            feed.taking = taking = feed.door.offer(sample)
            if taking.state in ("ok", "unread", "contended"):
                feed.sent += 1
                feed.sent_at, feed.last = at, sample
            else:
                feed.failed += 1

    def _tick(self, at: RawNs) -> None:
        """While there is nothing to feed, what is wrong at the door is to be known all the same, before the first fix."""
        if not self._fed_since_tick:
            for feed in self.feeds:
                feed.taking = feed.door.look()
        self._fed_since_tick = False
        self._tell(at)

    def _tell(self, at: RawNs) -> None:
        for feed in self.feeds:
            state, why = feed.standing(at, self._why_not, self._withheld)
            if state != feed.told:
                feed.told = state
                self._told(f"feed {feed.door.kind}: {state}: {why}")

    def facts(self) -> list[dict[str, object]]:
        """For `gpstime status`."""
        now = self._now()
        return [self._as_object(feed, now) for feed in self.feeds]

    def _as_object(self, feed: Feed, now: RawNs) -> dict[str, object]:
        state, why = feed.standing(now, self._why_not, self._withheld)
        return {
            "kind": feed.door.kind,
            "to": feed.door.to,
            "state": state,
            "why": why,
            "sent": feed.sent,
            "failed": feed.failed,
            "last_s_ago": None if feed.sent_at is None else round(max(0, now - feed.sent_at) / NS, 3),
            "true_minus_system_s": None if feed.last is None else round(feed.last.true_minus_system_s, 9),
        }

    def close(self) -> None:
        for feed in self.feeds:
            feed.door.close()


def doors_of(wanted: Wanted) -> list[Door]:
    """What the configuration asks for, nothing opened yet; UsageError for what can't work."""
    if not wanted.sock and wanted.shm == "none":
        return []
    from gpstime.drivers.time_width import bits_for, program

    made: list[Door] = []
    bits = bits_for(program("chronyd")) if wanted.time_t == AUTO else int(wanted.time_t)
    if wanted.sock:
        from gpstime.drivers.chrony_sock import ChronySock

        made.append(ChronySock(wanted.sock, bits))
    if wanted.shm != "none":
        from gpstime.drivers.ntp_shm import NtpShm

        made.append(NtpShm(int(wanted.shm), bits, None if wanted.shm_mode == AUTO else int(wanted.shm_mode, 8)))
    return made
