"""Ctrl-C, or SIGTERM, ends a run between two events, never inside one: the report that follows sees a whole number of events."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import TypeVar

T = TypeVar("T")


class Interruptible:
    """A context in which SIGINT or SIGTERM ends `each(...)`; a second one raises KeyboardInterrupt wherever the program is.

    While `each` waits for the next item (a silent pipe) the signal breaks the wait; while an item is being worked on it is noted.
    Outside the main thread Python delivers no signals, and this does nothing.
    """

    NUMBERS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.interrupted = False
        self._waiting = False
        self._before: list[object] = []

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        again, self.interrupted = self.interrupted, True
        if again or self._waiting:
            raise KeyboardInterrupt

    def __enter__(self) -> Interruptible:
        if threading.current_thread() is threading.main_thread():
            self._before = [signal.signal(number, self._on_signal) for number in self.NUMBERS]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, before in zip(self.NUMBERS, self._before, strict=False):
            signal.signal(number, before)  # type: ignore[arg-type] # what signal() itself gave
        self._before = []

    def each(self, items: Iterator[T]) -> Iterator[T]:
        """The items, until they end or the user ends them."""
        while not self.interrupted:
            self._waiting = True
            try:
                item = next(items)
            except StopIteration:
                return
            except KeyboardInterrupt:
                self.interrupted = True
                return
            finally:
                self._waiting = False
            yield item
