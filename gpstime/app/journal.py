"""Log lines for people: what changed, when it changes, and a line now and then that sums up. Nothing once a second."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from gpstime.app.durations import say_duration
from gpstime.app.standing import Standing, say_frequency, say_step
from gpstime.model import (
    Applied,
    ClockStep,
    DeviceFound,
    DeviceLost,
    Drift,
    Event,
    Finding,
    HoldoverBegan,
    HoldoverScored,
    Label,
    LabelChange,
    ModeChange,
    Note,
    RtcBreak,
    SlewAnnounced,
    StepAnnounced,
)
from gpstime.times import NS, RawNs

OF_A_DISCIPLINE = (ModeChange, StepAnnounced, SlewAnnounced, HoldoverBegan, HoldoverScored)
WARNING, NOTICE, INFO = 4, 5, 6
"""Levels of syslog(3), as journald reads them."""
AT_ONCE, AN_HOUR = 20, 3600 * NS
"""Lines of one kind that are written in an hour; what is beyond is counted."""


class Relay:
    """Sentences of parts that are there before the log is: they wait for it (the first hundred of them)."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._listener: Callable[[str], None] | None = None

    def __call__(self, sentence: str) -> None:
        if self._listener is not None:
            self._listener(sentence)
        elif len(self._waiting) < 100:
            self._waiting.append(sentence)

    def listen(self, listener: Callable[[str], None]) -> None:
        self._listener = listener
        waiting, self._waiting = self._waiting, []
        for sentence in waiting:
            listener(sentence)


class Journal:
    """A `ports.Sink` that writes to the terminal or, under systemd, to the journal (which knows the time and the level)."""

    def __init__(
        self,
        standing: Standing,
        summary_s: float,
        out: TextIO | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._standing = standing
        self._out = out or sys.stderr
        self._systemd = _is_journal(self._out, environment.get("JOURNAL_STREAM", ""))
        self._summary_ns = round(summary_s * NS)
        self._next = standing.started + self._summary_ns
        self._told = False
        self._hour = standing.started
        self._lines: dict[str, int] = {}
        self._pulses = self._rejected = 0

    def write(self, level: int, text: str, at: RawNs | None = None) -> None:
        """One line. A journal that can't be written (its pipe is full or gone) is no reason to stop measuring."""
        if self._systemd:
            line = f"<{level}>{text}"
        else:
            line = text if at is None else f"{say_duration(max(0, at - self._standing.started) / NS)}: {text}"
        with contextlib.suppress(OSError):
            print(" ".join(line.split()), file=self._out, flush=True)

    def __call__(self, value: Event | Finding) -> None:
        kind = type(value)
        if kind is Note:
            self.tell("note", INFO, value.text, value.at)  # type: ignore[union-attr]
        elif isinstance(value, DeviceLost):
            self.tell("device", WARNING, f"{value.source} lost: {value.reason}", value.at)
        elif isinstance(value, DeviceFound):
            self.tell("device", NOTICE, f"{value.source}: {value.reason}", value.at)
        elif isinstance(value, LabelChange):
            self._label(value)
        elif isinstance(value, ClockStep):
            self.tell("step", WARNING, say_step(value), value.at)
        elif isinstance(value, RtcBreak):
            self.tell("rtc", NOTICE, f"rtc: {value.reason}: {value.why}", value.at)
        elif isinstance(value, OF_A_DISCIPLINE) or (isinstance(value, Applied) and value.refused):
            from gpstime.app.discipline_words import say, worrying  # only where a clock is steered

            self.tell("discipline", WARNING if worrying(value) else NOTICE, f"discipline: {say(value)}", value.at)
        elif isinstance(value, Drift) and not self._told:
            self._told = True
            self.write(INFO, f"first frequency: {say_frequency(value)}", value.at)
        if value.at >= self._next:
            self._next = RawNs(value.at + self._summary_ns)
            self.sum_up(value.at)

    def _label(self, change: LabelChange) -> None:
        if change.new is Label.OK:
            self.tell("label", NOTICE, f"the seconds are known: {change.why}", change.at)
        elif change.withdrawn:
            self.tell("label", WARNING, f"the seconds named so far are in doubt: {change.why}", change.at)
        else:
            self.tell("label", WARNING, f"the seconds are not known: {change.why}", change.at)

    def tell(self, kind: str, level: int, text: str, at: RawNs) -> None:
        """One line, if this kind had not too many within the hour."""
        if at - self._hour >= AN_HOUR:
            for name, count in self._lines.items():
                if count > AT_ONCE:
                    self.write(NOTICE, f"{count - AT_ONCE} more lines about {name} in the last hour were not written", at)
            self._lines.clear()
            self._hour = at
        self._lines[kind] = count = self._lines.get(kind, 0) + 1
        if count <= AT_ONCE:
            self.write(level, text, at)

    def sum_up(self, at: RawNs) -> None:
        """Where the run stands, and what came since the last such line."""
        standing = self._standing
        pulses, rejected = standing.used, standing.engine.rejected.total()
        drift = standing.engine.drift.estimate(at)
        frequency = "no frequency yet" if drift is None else f"frequency {say_frequency(drift)}"
        word, why = standing.word(at)
        state = "" if word == "measuring" else f"; {word}: {why}"
        self.write(
            INFO, f"{pulses - self._pulses} pulses used, {rejected - self._rejected} things rejected; {frequency}{state}", at
        )
        self._pulses, self._rejected = pulses, rejected


def _is_journal(out: TextIO, stream: str) -> bool:
    """Whether `out` is the stream that systemd connected (the variable is inherited by shells whose output goes elsewhere)."""
    try:
        where = os.fstat(out.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return stream == f"{where.st_dev}:{where.st_ino}"


def _fits(journal: Journal) -> Callable[[Event | Finding], None]:
    return journal
