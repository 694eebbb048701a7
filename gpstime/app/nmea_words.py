"""How `gpstime nmea` shows what a receiver said: a line for each epoch and rejection, a summary, and why there was nothing."""

from __future__ import annotations

import json as json_module
from collections import Counter
from collections.abc import Iterable

from gpstime.app.talk import Said, Talk
from gpstime.model import Epoch, Rejected
from gpstime.times import UtcTime

_DAMAGED_TEXT = str.maketrans({chr(c): "?" for c in (*range(32), *range(127, 160))})


def as_json_line(result: Epoch | Rejected) -> str:
    if isinstance(result, Epoch):
        sentence = json_module.dumps(result.sentence)
        return (
            f'{{"k":"epoch","utc":"{result.second.iso(3)}","valid":{"true" if result.valid else "false"},"sentence":{sentence}}}\n'
        )
    return f'{{"k":"rejected","reason":"{result.reason}"}}\n'


def as_text_line(result: Epoch | Rejected) -> str:
    if isinstance(result, Epoch):
        if result.valid:
            word = "valid"
        elif result.fix is None:
            word = ""
        else:
            word = "fix" if result.fix else "no fix"
        carried = "" if result.dated else "  (date of another sentence)"
        return f"{result.second.iso(3)}  {word:6}  {result.sentence.translate(_DAMAGED_TEXT)}{carried}\n"
    return f"{'rejected':24}  {result.reason}: {_legible(result.raw)}\n"


def _legible(raw: bytes) -> str:
    """The beginning of a rejected line; hex where most of it is binary."""
    text = raw.decode("ascii", "backslashreplace").translate(_DAMAGED_TEXT)
    if 4 * sum(32 <= byte < 127 for byte in raw) < 3 * len(raw):
        maker = "UBX binary, " if raw.startswith(b"\xb5b") else ""
        text = f"{maker}{raw.hex(' ')}"
    return text if len(text) <= 72 else text[:71] + "…"


class Tally:
    """Counts for the summary."""

    def __init__(self) -> None:
        self.portions = 0
        self.epochs = 0
        self.valid = 0
        self.rejected: Counter[str] = Counter()
        self.sentences: Counter[str] = Counter()
        self.first: UtcTime | None = None
        self.last: UtcTime | None = None
        self.talk = Talk()

    def count(self, results: list[Epoch | Rejected]) -> list[Epoch | Rejected]:
        self.portions += 1
        for result in results:
            if isinstance(result, Rejected):
                self.rejected[result.reason] += 1
                continue
            self.epochs += 1
            if result.valid:
                self.valid += 1
                self.first = self.first or result.second
                self.last = result.second
        return results

    def as_json(self) -> str:
        summary = {"k": "summary", "epochs": self.epochs, "valid": self.valid, "rejected": dict(sorted(self.rejected.items()))}
        return json_module.dumps(summary, separators=(",", ":")) + "\n"

    def as_text(self, file: str) -> str:
        lines = [
            "",
            f"{file}: {self.epochs} epochs, {self.valid} of them valid (the receiver's own word: status A with a real mode)",
        ]
        if self.first and self.last:
            lines.append(f"  valid from {self.first.iso(3)} to {self.last.iso(3)}")
        if self.sentences:
            lines.append(f"  sentences: {_counts(self.sentences)}")
        if self.rejected:
            lines.append(f"  rejected: {_counts(self.rejected)}")
        lines.extend(f"  {line}" for line in _in_words(self.talk.said()))
        return "\n".join(lines).translate({**_DAMAGED_TEXT, 10: "\n"}) + "\n"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _in_words(said: Said) -> Iterable[str]:
    """The receiver's words at the end of the stream."""
    state = [word for word in (said.fix, said.dimensions) if word]
    if said.satellites is not None:
        state.append(f"{said.satellites} satellites used")
    if said.hdop is not None:
        state.append(f"HDOP {said.hdop:g}")
    if said.in_view:
        state.append("in view " + " ".join(f"{talker} {n}" for talker, n in sorted(said.in_view.items())))
    if state:
        yield "at the end: " + ", ".join(state)
    for text in said.texts:
        yield f"it says: {text}"
    for word in said.proprietary:
        yield f"its maker's: {word}"


def why_nothing(file: str, tally: Tally) -> str:
    """Why a stream held no epoch, and what to do, in a sentence."""
    if not tally.rejected and not tally.sentences:
        return f"no epoch in {file}: it holds no NMEA at all; is the receiver connected, and the port's baud rate right?"
    if tally.rejected["no-checksum"] and not tally.sentences:
        return f"no epoch in {file}: its sentences have no checksum, and without one a damaged time can't be told from a good one"
    if not tally.sentences:
        return f"no epoch in {file}: not one whole sentence in it; is it NMEA, and was the port's baud rate right?"
    if tally.rejected["no-date"] and not (tally.sentences["RMC"] or tally.sentences["ZDA"]):
        return f"no epoch in {file}: its times have no date; RMC or ZDA must be switched on in the receiver"
    if tally.rejected["no-time"] or tally.rejected["no-date"]:
        return f"no epoch in {file}: the receiver had no time yet; it needs a view of the sky, and up to 15 minutes"
    return f"no epoch in {file}: none of its sentences names a time; RMC or ZDA must be switched on in the receiver"
