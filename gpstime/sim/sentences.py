"""Sentences of one receiver, prepared: everything that does not change within a day is made once, with its part of the checksum.

A `Burst` is a bytes template. The time of day stands in several sentences: what is left for each second is one `%` and an XOR
a sentence.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from gpstime.errors import UsageError
from gpstime.sim.personalities import Personality

SENTENCES = ("RMC", "VTG", "GGA", "GSA", "GSV", "GLL", "ZDA", "GNS")
HEX = tuple(b"%02X" % n for n in range(256))
_CLOCK = "\0"  # where the time of day goes; never part of a sentence
_EPOCH = date(1970, 1, 1)


def checksum(body: bytes) -> int:
    """XOR of all bytes between `$` and `*`."""
    value = 0
    for byte in body:
        value ^= byte
    return value


def framed(body: str) -> bytes:
    """A whole line from what stands between `$` and `*`."""
    return f"${body}*{checksum(body.encode()):02X}\r\n".encode()


@dataclass(frozen=True, slots=True)
class Burst:
    """The sentences of one epoch with a hole for the time in each that says one; `sums` are their checksums without it."""

    form: bytes
    sums: tuple[int, ...]

    def at(self, clock: bytes, clock_sum: int) -> bytes:
        """The burst as sent, with this time of day and the XOR of its bytes."""
        sums = self.sums
        if len(sums) == 1:
            return self.form % (clock, HEX[sums[0] ^ clock_sum])
        holes: list[bytes] = []
        for s in sums:
            holes += (clock, HEX[s ^ clock_sum])
        return self.form % tuple(holes)


@dataclass(frozen=True, slots=True)
class Satellite:
    talker: str
    prn: int
    elevation: int
    azimuth: int
    snr: int


class Sky:
    """A made-up sky and position: `VARIANTS` slightly different views of it, so that a burst isn't always the same bytes."""

    VARIANTS = 8

    def __init__(self, who: Personality, draw: random.Random) -> None:
        first = {"GP": 1, "GL": 65, "GA": 301, "GB": 401}
        self.views: list[list[Satellite]] = []
        fixed = [
            (talker, first[talker] + prn, int(90 * draw.random() ** 2) + 3, draw.randrange(360), draw.randrange(18, 46))
            for talker in who.constellations
            for prn in sorted(draw.sample(range(24), 11 if talker == "GP" else 7))
        ]
        for _ in range(self.VARIANTS):
            self.views.append([Satellite(t, p, e, a, max(12, s + draw.randrange(-2, 3))) for t, p, e, a, s in fixed])
        places = [(28.672 + draw.gauss(0, 0.0004), 0.051 + draw.gauss(0, 0.0006), 46.0 + draw.gauss(0, 1.5)) for _ in self.views]
        d = who.place_decimals
        self.places = [(f"51{la:0{3 + d}.{d}f},N,000{abs(lo):0{3 + d}.{d}f},W", f"{h:.1f}") for la, lo, h in places]


class Writer:
    """Makes the bursts of one receiver: `burst(kind, day, view, names)` with kind fix, void or blank."""

    def __init__(self, who: Personality, sky: Sky, long: bool = False) -> None:
        self._who, self._sky, self._long = who, sky, long

    def burst(
        self, kind: str, day: date | str, view: int, names: tuple[str, ...], room: int | None, extra: tuple[str, ...] = ()
    ) -> Burst:
        """`day`: a date, or literally DDMMYYYY or nothing; what doesn't fit into `room` bytes (None: all does) is left out."""
        bodies = list(extra)
        for name in names:
            bodies += getattr(self, "_" + name.lower())(kind, _ddmmyyyy(day), view)
        form, sums, used, note = b"", [], 0, b""
        lengths = [len(body) + 6 + (6 + self._who.time_decimals) * body.count(_CLOCK) for body in bodies]
        if room is not None and sum(lengths) > room and self._who.txbuf:
            note = framed(f"{self._who.talker}TXT,01,01,01,txbuf alloc")
            if lengths[0] + len(note) > room:
                note = b""
            room -= len(note)
        for body, length in zip(bodies, lengths, strict=True):
            if room is not None and used + length > room:
                continue
            used += length
            if _CLOCK in body:
                form += f"${body}*%b\r\n".replace(_CLOCK, "%b").encode()
                sums.append(checksum(body.replace(_CLOCK, "").encode()))
            else:
                form += framed(body)
        return Burst(form + note, tuple(sums))

    def _rmc(self, kind: str, day: str, view: int) -> list[str]:
        fix, who = kind == "fix", self._who
        place = self._place(view)[0] if fix else ",,,"
        speed = ("0.0041,194.170432" if self._long else "0.041,") if fix else ","
        if not who.nmea41:
            speed = "0.03,194.17" if fix and not self._long else (speed if fix else "0.00,0.00")
        tail = f",,{'A' if fix else 'N'}" + (",V" if who.nmea41 else "")
        if self._long and fix:
            tail = "3.141592,W" + tail[1:]
        clock = "" if kind == "blank" else _CLOCK
        short = day[:4] + day[-2:]
        return [f"{who.talker}RMC,{clock},{'A' if fix else 'V'},{place},{speed},{'' if kind == 'blank' else short},{tail}"]

    def _vtg(self, kind: str, day: str, view: int) -> list[str]:
        who = self._who
        if kind != "fix":
            return [f"{who.talker}VTG,,,,,,,,,N" if who.nmea41 else f"{who.talker}VTG,0.00,T,,M,0.00,N,0.00,K,N"]
        return [f"{who.talker}VTG,{who.vtg_course},T,,M,0.041,N,0.076,K,A"]

    def _gga(self, kind: str, day: str, view: int) -> list[str]:
        who, clock = self._who, "" if kind == "blank" else _CLOCK
        if kind != "fix":
            return [f"{who.talker}GGA,{clock},,,,,0,00,99.99,,,,,," if who.nmea41 else f"{who.talker}GGA,{clock},,,,,0,0,,,M,,M,,"]
        place, height = self._place(view)
        return [f"{who.talker}GGA,{clock},{place},1,{'12' if who.nmea41 else '9'},0.91,{height},M,45.6,M,,"]

    def _gll(self, kind: str, day: str, view: int) -> list[str]:
        clock, fix = "" if kind == "blank" else _CLOCK, kind == "fix"
        return [f"{self._who.talker}GLL,{self._place(view)[0] if fix else ',,,'},{clock},{'A,A' if fix else 'V,N'}"]

    def _gns(self, kind: str, day: str, view: int) -> list[str]:
        who, clock, status = self._who, "" if kind == "blank" else _CLOCK, ",V" if self._who.nmea41 else ""
        if kind != "fix":
            return [f"{who.talker}GNS,{clock},,,,,{'N' * len(who.constellations)},00,99.99,,,,{status}"]
        place, height = self._place(view)
        return [f"{who.talker}GNS,{clock},{place},{'A' * len(who.constellations)},12,0.91,{height},45.6,,{status}"]

    def _zda(self, kind: str, day: str, view: int) -> list[str]:
        if kind == "blank" or not day:
            return [f"{self._who.talker}ZDA,{'' if kind == 'blank' else _CLOCK},,,,{self._who.zone}"]
        return [f"{self._who.talker}ZDA,{_CLOCK},{day[:2]},{day[2:4]},{day[4:]},{self._who.zone}"]

    def _gsa(self, kind: str, day: str, view: int) -> list[str]:
        who, out = self._who, []
        for number, talker in enumerate(who.constellations, 1):
            used = [s for s in self._sky.views[view] if s.talker == talker and s.snr > 20][:12] if kind == "fix" else []
            prns = ",".join([f"{s.prn:02}" for s in used] + [""] * (12 - len(used)))
            dops = "1.56,0.91,1.27" if kind == "fix" else "99.99,99.99,99.99"
            out.append(f"{who.talker}GSA,A,{3 if kind == 'fix' else 1},{prns},{dops}" + (f",{number}" if who.nmea41 else ""))
        return out

    def _gsv(self, kind: str, day: str, view: int) -> list[str]:
        who, out = self._who, []
        for talker in who.constellations:
            seen = [s for s in self._sky.views[view] if s.talker == talker][: None if kind == "fix" else 1 if kind == "void" else 0]
            groups = [seen[i : i + 4] for i in range(0, len(seen), 4)] or [[]]
            for number, group in enumerate(groups, 1):
                sats = "".join(f",{s.prn:02},{s.elevation:02},{s.azimuth:03},{s.snr:02}" for s in group)
                out.append(f"{talker}GSV,{len(groups)},{number},{len(seen):02}{sats}" + (",1" if who.nmea41 else ""))
        return out

    def _place(self, view: int) -> tuple[str, str]:
        place, height = self._sky.places[view]
        if self._long:
            place = place.replace(",N", "012,N").replace(",W", "034,W")
        return place, height


def known_sentences(names: tuple[str, ...]) -> tuple[str, ...]:
    """The same names in capitals; UsageError names the known ones."""
    names = tuple(n.strip().upper() for n in names)
    unknown = [n for n in names if n not in SENTENCES]
    if unknown or not names:
        raise UsageError(f"unknown sentence {unknown[0] if unknown else ''!r}; known: {', '.join(SENTENCES)}")
    return names


def _ddmmyyyy(day: date | str) -> str:
    return day if isinstance(day, str) else day.strftime("%d%m%Y")


def civil_date(day: int) -> date:
    """The calendar date of a day since 1970."""
    return _EPOCH + timedelta(days=day)
