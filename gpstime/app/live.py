"""The live world: one thread for each source, one queue, events in order of arrival, a clean stop.

A thread does nothing but poll its source and queue what came; all thinking happens in the one thread that runs `events()`. To wake
that thread costs more than what it then thinks, so it is woken by pulses and by whatever is rare; bytes wait for the next pulse
while pulses come. Tests run the same sources in turns on a virtual clock (`Turns`), without a thread.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import TypeAlias

from gpstime.model import Adjustment, Applied, Event, Note, PpsEdge, SerialBytes
from gpstime.ports import Source, Timebase
from gpstime.times import RawNs

POLL_S = 1.2
"""How long a source may block: how long a clean stop may take. Longer than a second, so that a pulse ends most waits."""
SHORT_S = 1.0
"""A sleep that may as well go on when the world is stopped."""
LOOK_S = 5.0
"""How long the thinking thread waits at most: a signal that comes just before the wait begins is looked at only after it"""
FULL = 10_000
"""Events that wait to be thought about (ten minutes of them): beyond that pulses and bytes are dropped, and counted."""
PULSE_SOON_NS = 1_200_000_000
"""After a pulse: bytes within this time wait for the next one, those that come later wake the thinking thread themselves."""

Question: TypeAlias = Callable[[], None]
_Item: TypeAlias = "list[Event] | Question | BaseException | None"


class LiveTime:
    """A `Timebase` whose longer sleeps end at once when the world is stopped."""

    def __init__(self, machine: Timebase) -> None:
        self._machine = machine
        self.stopped = threading.Event()
        self.now = machine.now

    def sleep(self, seconds: float) -> None:
        if seconds < SHORT_S:
            self._machine.sleep(seconds)  # costs a third of what waiting for the stop costs
        else:
            self.stopped.wait(seconds)


class LiveWorld:
    """Fits `ports.World`. `stop()` may be called from a signal or another thread, and so may `ask`.

    `idle_s`: the world calls `idle` (a watchdog's sign of life) at least this often, also when nothing happens. An error in a
    source that is no event (a mistake of ours) comes out of `events()`.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        time: LiveTime,
        *,
        head: Mapping[str, object] | None = None,
        idle: Callable[[], None] | None = None,
        idle_s: float | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        self._sources, self._time, self._poll_s = tuple(sources), time, poll_s
        self._idle, self._idle_s = idle, idle_s
        self._queue: deque[_Item] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        """Wakes the thinking thread; its put is re-entrant, so that a signal may ring too."""
        self._pulse_at: RawNs | None = None
        self._threads: list[threading.Thread] = []
        self._dropped = 0
        self._closed = False
        self.head: dict[str, object] = dict(head or {})

    # ---- the sources' threads --------------------------------------------------------------------------------------------------

    def _serve(self, source: Source) -> None:
        queue, stopped = self._queue, self._time.stopped
        # a source that only sleeps is woken by the stop, and need not look up for it
        poll_s = 3600.0 if getattr(source, "only_sleeps", False) else self._poll_s
        try:
            while not stopped.is_set():
                events = source.poll(poll_s)
                if events:
                    queue.append(events if len(queue) < FULL else self._spare(events))
                    if self._urgent(events):
                        self._bell.put(None)
        except BaseException as e:
            self._put(e)
        finally:
            source.close()

    def _urgent(self, events: list[Event]) -> bool:
        """Whether the thinking thread is to be woken for these: for all but bytes for which a pulse will do it."""
        for event in events:
            if not isinstance(event, SerialBytes):
                if isinstance(event, PpsEdge):
                    self._pulse_at = event.at
                return True
        return self._pulse_at is None or events[-1].at - self._pulse_at >= PULSE_SOON_NS

    def _put(self, item: _Item) -> None:
        self._queue.append(item)
        self._bell.put(None)

    def _spare(self, events: list[Event]) -> list[Event]:
        """What must get through even when thinking does not keep up: losses and returns, steps, notes."""
        kept: list[Event] = [e for e in events if not isinstance(e, (PpsEdge, SerialBytes))]
        self._dropped += len(events) - len(kept)
        return kept

    # ---- the world -------------------------------------------------------------------------------------------------------------

    def events(self) -> Iterator[Event]:
        """Events as they arrive, until `stop()`."""
        assert not self._threads, "a live run happens once: make a new LiveWorld"
        for source in self._sources:
            thread = threading.Thread(target=self._serve, args=(source,), name=source.name, daemon=True)
            self._threads.append(thread)
            thread.start()
        while True:
            item = self._next()
            if item is None:
                return
            if isinstance(item, list):
                yield from item
            elif isinstance(item, BaseException):
                raise item
            else:
                item()
            if self._dropped and len(self._queue) < FULL // 2:
                lost, self._dropped = self._dropped, 0
                yield Note(self._time.now(), f"{lost} events were dropped: this machine was too busy to keep up with them")

    def _next(self) -> _Item:
        queue, bell = self._queue, self._bell
        if not queue:
            with contextlib.suppress(Empty):
                bell.get(timeout=LOOK_S if self._idle_s is None else min(self._idle_s, LOOK_S))
            while not bell.empty():  # what they rang for is queued, and only this thread takes
                bell.get()
        item = queue.popleft() if queue else []
        if self._idle is not None:
            self._idle()
        return item

    def ask(self, question: Question) -> None:
        """Have `question` called by the thread that runs `events()`, between two events. From any thread."""
        self._put(question)

    def stop(self) -> None:
        """End `events()` after what is queued already. From any thread, and from a signal: both puts are re-entrant."""
        self._time.stopped.set()
        self._put(None)

    def adjust(self, adjustment: Adjustment) -> Applied:
        """Nobody steers the clock of a live board yet: says so, and does nothing."""
        return Applied(self._time.now(), None, 0, 0, "nobody: gpstime only watches this clock")

    def close(self) -> None:
        """Stop, and wait for every source to let go of its device. Safe to call twice."""
        self._time.stopped.set()
        if not self._threads and not self._closed:
            for source in self._sources:
                source.close()
        self._closed = True
        for thread in self._threads:
            thread.join(3 * self._poll_s)


class Turns:
    """The same sources without a thread, in turns on a virtual clock. Fits `ports.World`.

    `next_due()` moves the clock to the next thing that happens and returns False when nothing will.
    """

    def __init__(self, sources: Sequence[Source], next_due: Callable[[], bool], now: Timebase) -> None:
        self._sources, self._next_due, self._now = tuple(sources), next_due, now
        self.head: dict[str, object] = {}

    def events(self) -> Iterator[Event]:
        while self._next_due():
            for source in self._sources:
                yield from source.poll(0.0)

    def adjust(self, adjustment: Adjustment) -> Applied:
        """As the live world does: nothing."""
        return Applied(self._now.now(), None, 0, 0, "nobody: gpstime only watches this clock")

    def close(self) -> None:
        for source in self._sources:
            source.close()
