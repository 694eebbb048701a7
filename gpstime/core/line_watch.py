"""What the bytes of a port say about the line: overfull (P31), a console on it (F-N16), the wrong baud rate (F-N12, F-N13, F-N27).

Cheap: a few passes in C over each portion, and one look at 2 kB every three seconds. Each thing is said once, and again
only when it came back after it was gone.
"""

from __future__ import annotations

import re

from gpstime.core.baud import RATES, score
from gpstime.model import SerialBytes
from gpstime.times import NS, RawNs

LOOK_NS = 3 * NS
USE_NS = 10 * NS
FULL = 0.7
"""Share of the line in use above which bursts of another day (more satellites) will not fit."""
ROOM = 0.35
"""Share that a rate must bring it down to, to be recommended."""
FEWEST = 60
"""Bytes in three seconds below which nothing is concluded."""
STRANGE = 0.05
"""Share of bytes that are no text, above which it is no text."""
_KEPT = 2048
_TAIL = 24
_TIDY_NS = 600 * NS
_CONSOLE = re.compile(rb"login: |Password: |GNU/Linux |-bash: |systemd\[1\]|\[ *\d+\.\d{6}\] ")


class LineWatch:
    """`baud`: the port's rate, None where it has none (USB, sockets).

    `wrong`: no sentence can be read at this rate. `use`: share of the line in use (None: not known yet).
    """

    def __init__(self, port: str, baud: int | None = None) -> None:
        self._port = port
        self.baud = baud
        self.use: float | None = None
        self.wrong = False
        self._readable = False
        self._said: dict[str, RawNs] = {}
        self.restart()

    def restart(self) -> None:
        """The port was opened anew, or its rate changed: what came before says nothing about what comes."""
        self._tail = b""
        self._kept = bytearray()
        self._look_at: RawNs | None = None
        self._use_from: RawNs | None = None
        self._heard = self._used = self._strange = 0
        self._full = 0
        self.wrong = False

    def on_bytes(self, portion: SerialBytes) -> list[str]:
        """Sentences for people, mostly none."""
        at, data = portion.at, portion.data
        if self._look_at is None or self._use_from is None or at < self._use_from:
            self._look_at, self._use_from = RawNs(at + LOOK_NS), at
            self._heard = self._used = 0
        out: list[str] = []
        seen = self._tail + data
        self._tail = seen[-_TAIL:]
        if (found := _CONSOLE.search(seen)) is not None:
            self._say(out, "console", at, self._console(seen[found.start() :]))
        if b"txbuf" in seen:
            self._say(out, "txbuf", at, f"{self._port}: the receiver's own transmit buffer overflows (txbuf). {self._cure()}")
        if at - self._use_from >= USE_NS:  # before this portion is counted: it lies outside
            self._weigh(out, at)
        if at >= self._look_at:
            self._look(out, at)
        self._heard += len(data)
        self._used += len(data)
        self._kept += data
        del self._kept[:-_KEPT]
        return out

    # ---- the looks -----------------------------------------------------------------------------------------------------------

    def _weigh(self, out: list[str], at: RawNs) -> None:
        assert self._use_from is not None
        elapsed_s, used = (at - self._use_from) / NS, self._used
        self._use_from, self._used = at, 0
        if self.baud is None or elapsed_s > 2 * USE_NS / NS or self.wrong:
            return
        self.use = use = used * 10 / self.baud / elapsed_s
        self._full = self._full + 1 if use > FULL else 0
        if use <= FULL:
            self._said.pop("full", None)
        elif self._full > 1:  # for two looks: one may have found a backlog that is being cleared
            late = " They never pause, so bursts take longer than a second and come ever later." if use > 0.97 else ""
            fill = f"{self._port}: sentences fill {100 * use:.0f} % of the line at {self.baud} baud."
            text = f"{fill}{late} {self._cure(used / elapsed_s)}"
            self._say(out, "full", at, text)

    def _look(self, out: list[str], at: RawNs) -> None:
        self._look_at = RawNs(at + LOOK_NS)
        heard, self._heard = self._heard, 0
        if heard < FEWEST:
            return
        s = score(bytes(self._kept))
        self._kept.clear()
        if s.good:
            self._readable, self.wrong = True, False
            self._said.pop("wrong", None)
            self._said.pop("text", None)
            return
        what = f"{self._port}: {heard} bytes in 3 s and not one whole sentence"
        if s.strange <= STRANGE * s.size:
            self._say(out, "text", at, f"{what}, but text: is this the receiver's port, and does the receiver send NMEA?")
            return
        self.wrong = True
        at_baud = "" if self.baud is None else f" at {self.baud} baud"
        if self._readable:
            cause = (
                "It was readable before: the receiver has lost its settings (power cycle), or this is the mini UART, whose rate "
                "moves with the core clock (core_freq=250 in config.txt holds it, or dtoverlay=disable-bt for the better UART)."
            )
        else:
            cause = "Looks like the wrong baud rate."
        self._say(out, "wrong", at, f"{what}{at_baud}, {100 * s.strange // s.size} % of it no text. {cause}")

    # ---- words ---------------------------------------------------------------------------------------------------------------

    def _say(self, out: list[str], kind: str, at: RawNs, text: str) -> None:
        last = self._said.get(kind)
        self._said[kind] = at
        if last is None or (at - last > _TIDY_NS and kind in ("console", "txbuf")):
            out.append(text)

    def _console(self, seen: bytes) -> str:
        text = seen[:20].decode("ascii", "replace").strip()
        return (
            f"{self._port}: a login console is on this line ({text!r}). Take console=serial0,115200 out of cmdline.txt and stop "
            "the login: systemctl disable --now serial-getty@ttyAMA0.service serial-getty@ttyS0.service"
        )

    def _cure(self, bytes_s: float | None = None) -> str:
        if self.baud is None:
            return "Switch GSV and GSA off in the receiver."
        if bytes_s is None or bytes_s * 10 > 0.97 * self.baud:  # more than the line could carry: how much is not known
            faster = [r for r in sorted(RATES) if r >= 4 * self.baud]
        else:
            faster = [r for r in sorted(RATES) if r > self.baud and bytes_s * 10 / r <= ROOM]
        return f"Switch GSV and GSA off in the receiver{f', or set it to {faster[0]} baud' if faster else ''}."
