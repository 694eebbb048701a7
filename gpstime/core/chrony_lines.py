"""Lines for chrony.conf, by version and by what was measured.

chrony's signs: its `offset` is added to (true - system), so what is heard late by L wants offset +L. Half of its `delay` goes into
the error that it assumes, so a doubt of B wants a delay of 2 B at least: a SOCK or SHM sample carries no doubt of its own.
Sources: refclock.c, refclock_sock.c and NEWS of chrony 4.0 to 4.8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gpstime.core.bound import Biases

Version = tuple[int, int]
"""(4, 3) for 4.3."""
LOCK_SINCE, CONVERTS_SINCE, SINGLE_SINCE, LETS_GO_SINCE = (4, 1), (4, 4), (4, 7), (4, 8)
OLDEST = (4, 0)
"""What the lines were written for; an older chrony is named in a line."""
UNKNOWN_NS = 1_000_000
"""The doubt of a lateness of which nothing is known: what a busy board's worst interrupts take."""
BEFORE_NS = round(Biases().receiver_ns + Biases().cable_ns)
"""What receiver and antenna cable may be off, before the pulse comes."""
SENTENCES_ENOUGH = 1_700
"""Bursts (half an hour of them, less a started minute) before the delay of sentences is called measured."""
POLL = 3
"""8 s: eight pulses for the median filter; chrony before 4.7 wants four at least."""
UNREACHED_POLLS = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """`late_ns`, `doubt_ns`: of the pulse's stamps (None: not known); `taken_off`: the samples are free of `late_ns` already.

    `sentences_ns`, `spread_ns`, `n`: when a burst begins after its pulse, one standard deviation, from how many.
    """

    late_ns: int | None = None
    doubt_ns: int | None = None
    taken_off: bool = True
    why: str = ""
    sentences_ns: int | None = None
    spread_ns: int | None = None
    n: int = 0

    @property
    def bound_ns(self) -> int:
        """By how much all samples may be off alike, the biases of the error bound: what is not taken off of the stamps' lateness,
        the receiver, its cable."""
        return (UNKNOWN_NS if self.doubt_ns is None else self.doubt_ns) + BEFORE_NS


def lock_limit_s(version: Version) -> float:
    """How far a pulse locked to sentences may be from them, the doubt of both included: chrony ignores it beyond."""
    return 0.4 if version >= LOCK_SINCE else 0.2


def needed_delay_s(bound_ns: int) -> float:
    """At least twice the bound, rounded up to two digits, so that it is never less."""
    twice = max(2 * bound_ns, 1)
    unit: int = 10 ** max(0, len(str(twice)) - 2)
    return math.ceil(twice / unit) * unit / 1e9


def seconds(s: float) -> str:
    """As chrony reads it, without a tail of digits that mean nothing."""
    return f"{s:.9f}".rstrip("0").rstrip(".") or "0"


def _let_go(version: Version) -> str:
    return f" maxunreach {UNREACHED_POLLS}" if version >= LETS_GO_SINCE else ""


def _doubt(measured: Measured) -> str:
    if measured.doubt_ns is None:
        return (
            f"# How late the pulse's stamps are is not known here: {UNKNOWN_NS / 1000:g} us are allowed for, twice in delay. "
            "pulse.bias_us and pulse.bias_err_us say it better."
        )
    late = "" if measured.late_ns is None else f"{measured.late_ns / 1000:g} us late"
    taken = ", taken off already" if measured.taken_off and measured.late_ns else ""
    because = f" ({measured.why})" if measured.why else ""
    return (
        f"# Stamps of the pulse: {late}{taken}, give or take {measured.doubt_ns / 1000:g} us{because}; receiver and cable "
        f"{BEFORE_NS / 1000:g} us. delay is twice the sum of both doubts."
    )


def _head(version: Version, what: str) -> list[str]:
    out = [f"# {what}, for chrony {version[0]}.{version[1]}. Printed by gpstime chrony."]
    if version < OLDEST:
        out.append("# These lines were written for chrony 4.0 and later: this one is older.")
    return out


def sock_lines(version: Version, measured: Measured, path: str, time_bits: int) -> list[str]:
    """gpstime run sends labelled samples: no `lock`, no second source needed to name the second."""
    out = _head(version, "gpstime sends a sample for each pulse whose second is known")
    out.append(_doubt(measured))
    if time_bits == 32 and version < CONVERTS_SINCE:
        out.append("# 32-bit time_t: this chrony drops samples of another size without a word; [feeds] time_t is to be 32.")
    delay = seconds(needed_delay_s(measured.bound_ns))
    out.append(f"refclock SOCK {path} refid GPST poll {POLL} offset 0 delay {delay}{_let_go(version)}")
    return out


def shm_lines(version: Version, measured: Measured, unit: int, mode: int) -> list[str]:
    """The same through shared memory, for where a socket can't be had."""
    out = _head(version, "gpstime writes a sample for each pulse whose second is known")
    out.append(_doubt(measured))
    if mode & 0o002:
        out.append(f"# Whoever may run a program here may write to unit {unit} too: SOCK is the safer way.")
    perm = f":perm={mode:04o}"
    delay = seconds(needed_delay_s(measured.bound_ns))
    out.append(f"refclock SHM {unit}{perm} refid GPST poll {POLL} offset 0 delay {delay}{_let_go(version)}")
    return out


def pps_lines(version: Version, measured: Measured, device: str, edge: str, unit: int) -> list[str]:
    """chrony stamps the pulse itself and takes the second from gpsd's sentences in shared memory: what `lock` needs."""
    assert measured.sentences_ns is not None, "without the sentences' delay there is no offset to write"
    assert measured.spread_ns is not None
    limit_s, spread_s = lock_limit_s(version), measured.spread_ns / 1e9
    out = _head(version, "chrony reads the pulse, gpsd the sentences")
    sentences_s = measured.sentences_ns / 1e9
    out += [
        f"# Sentences begin {sentences_s:.3f} s after their pulse, give or take {spread_s:.3f} s ({measured.n} of them).",
        f"# This chrony uses a pulse only within {limit_s:g} s of the sentences, doubt included: without the offset "
        + ("it would not." if abs(sentences_s) + 3 * spread_s > limit_s else "it still would."),
    ]
    if measured.n < SENTENCES_ENOUGH:
        out.append(f"# {measured.n} of them are few: half an hour tells the delay well.")
    sentences_delay = seconds(max(2 * round(3 * spread_s, 3), 0.002))
    sentences = seconds(round(sentences_s, 3))
    out.append(f"refclock SHM {unit} refid NMEA offset {sentences} delay {sentences_delay} noselect")
    out.append(_doubt(measured))
    late = seconds((measured.late_ns or 0) / 1e9)
    clear = ":clear" if edge == "clear" else ""
    delay = seconds(needed_delay_s(measured.bound_ns))
    out.append(f"# chronyd does not start where {device} is not there: keep this line below /run, written when the device comes.")
    out.append(f"refclock PPS {device}{clear} lock NMEA refid PPS poll {POLL} offset {late} delay {delay}{_let_go(version)}")
    return out
