"""A receiver that is told what to send at every open of its port, and whose answers are read back (P9, F-N27). Off by default.

Receivers forget at power-off, and clones ignore what they are told: so the orders are sent again whenever the port was opened, its
rate found anew or the receiver said that it has started, and each that should be answered and is not is named. Bytes pass through
untouched: an answer is in the record like anything else. Nothing is sent to a port that somebody else has open too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from gpstime.core.orders import Order
from gpstime.drivers.autobaud import WatchedPort
from gpstime.errors import UsageError
from gpstime.model import SerialBytes
from gpstime.times import NS, RawNs

ANSWER_NS = 2 * NS
"""How long an answer may take: receivers give it after the burst that they are in."""
TRIES = 2
STARTED = (b"$PMTK010,001", b"u-blox AG", b"$PMTK011,MTKGPS")
"""What receivers say when they start."""
MOST, WITHIN_NS = 3, 600 * NS
"""Times that the orders are sent within ten minutes: a receiver that starts over and over is not helped by them."""
_TAIL = 512


class PreparedPort:
    """`port` with a receiver that gets `orders`. Fits `ports.ByteInput`."""

    def __init__(self, port: WatchedPort, orders: Sequence[Order]) -> None:
        if port.port.shared or "://" in port.port.device:
            raise UsageError(f"{port.port.device}: nothing is sent to a port that is shared or on the network (receiver.send)")
        self._inner, self._orders = port, tuple(orders)
        self._settled = -1
        self._queue: deque[Order] = deque()
        self._sent: Order | None = None
        self._sent_at = RawNs(0)
        self._tries = 0
        self._heard = b""
        self._times: deque[RawNs] = deque(maxlen=MOST)
        self._silent: list[str] = []
        self._notes: list[str] = []
        self.close, self.write = port.close, port.write

    @property
    def name(self) -> str:
        return self._inner.name

    def notes(self) -> list[str]:
        """Sentences for people since the last call."""
        said, self._notes = self._inner.notes() + self._notes, []
        return said

    def read(self, timeout_s: float) -> SerialBytes | None:
        """See `ports.ByteInput`."""
        portion = self._inner.read(timeout_s if self._sent is None else min(timeout_s, ANSWER_NS / NS))
        now = self._inner.port.clock()
        if portion is not None:
            seen = self._heard[-_TAIL:] + portion.data
            if self._settled != self._inner.settled:
                self._settled = self._inner.settled
                self._begin(now)
            elif any(word in seen and word not in self._heard for word in STARTED):
                self._begin(now)
            self._heard = seen
        if self._sent is not None:
            self._look(self._sent, now)
        while self._sent is None and self._queue:
            self._send(self._queue.popleft(), now)
            if not self._queue and self._sent is None:
                self._say()
        return portion

    def _begin(self, now: RawNs) -> None:
        """The receiver is there, or there again, and can be read."""
        self._queue.clear()
        self._sent, self._silent = None, []
        if len(self._times) == MOST and now - self._times[0] < WITHIN_NS:
            return
        if others := self._inner.port.others():
            self._notes.append(f"{self.name}: receiver.send is not sent, since {others[0].sentence()}")
            return
        self._times.append(now)
        self._queue.extend(self._orders)

    def _send(self, order: Order, now: RawNs) -> None:
        self._tries = self._tries + 1 if order is self._sent else 1
        self._heard = b""
        self._inner.write(order.data)
        self._sent, self._sent_at = (order, now) if order.answer else (None, now)

    def _look(self, order: Order, now: RawNs) -> None:
        if order.answered(self._heard):
            self._sent = None
        elif contrary := order.contrary(self._heard):
            self._notes.append(f"{self.name}: the receiver refuses {order.text}: it answers {contrary}.")
            self._sent = None
        elif now - self._sent_at >= ANSWER_NS:
            if self._tries < TRIES:
                self._send(order, now)
            else:
                self._silent.append(order.text)
                self._sent = None
        if self._sent is None and not self._queue:
            self._say()

    def _say(self) -> None:
        """All orders are through."""
        if self._silent:
            first, count = self._silent[0], len(self._silent)
            which = first if count == 1 else f"{count} of {len(self._orders)} orders, {first} among them"
            self._notes.append(
                f"{self.name}: the receiver does not answer {which}: a clone that ignores what it is told, an order of another "
                "maker, or no wire to its RX pin. Its settings are what they were."
            )
        else:
            self._notes.append(f"{self.name}: the receiver was sent {len(self._orders)} orders.")
