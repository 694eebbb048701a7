"""Sentences for tests, with checksums computed byte by byte: not by the code under test."""

from __future__ import annotations

from functools import reduce
from operator import xor

from gpstime.core.nmea import Nmea
from gpstime.model import Epoch, Rejected
from gpstime.times import RawNs


def line(body: str | bytes, end: bytes = b"\r\n", start: bytes = b"$") -> bytes:
    """The whole sentence for a body such as `GPRMC,…`."""
    raw = body.encode("latin-1") if isinstance(body, str) else body
    return start + raw + b"*%02X" % reduce(xor, raw, 0) + end


def rmc(time: str = "120000.00", date: str = "230326", status: str = "A", tail: str = ",,A", talker: str = "GN") -> bytes:
    return line(f"{talker}RMC,{time},{status},4404.14063,N,12118.85478,W,0.117,,{date}{tail}")


def feed(data: bytes, *, finish: bool = True) -> list[Epoch | Rejected]:
    """What a new parser finds in these bytes."""
    nmea = Nmea()
    results = nmea.feed(data, RawNs(0))
    return results + nmea.finish() if finish else results


def content(results: list[Epoch | Rejected]) -> list[tuple[object, ...]]:
    """Results without their arrival times."""
    return [
        (r.second, r.valid, r.sentence, r.dated, r.fix) if isinstance(r, Epoch) else (r.source, r.reason, r.raw) for r in results
    ]


def reasons(results: list[Epoch | Rejected]) -> list[str]:
    """The reasons of rejections, and `epoch` for epochs."""
    return ["epoch" if isinstance(r, Epoch) else r.reason for r in results]
