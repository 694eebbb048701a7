"""Receivers to start with. Magnitudes from the field study (table 3.1, P6, P7, P31); formats as public captures show them."""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.errors import UsageError
from gpstime.times import UtcTime


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a cold start: `lasts_s` seconds of `kind` blank (no time) or void (status V).

    `own` is the vendor's idea of the time when the phase begins (None: the true time).
    """

    lasts_s: int
    kind: str
    own: UtcTime | None = None


@dataclass(frozen=True, slots=True)
class Personality:
    """How one receiver behaves. Delays are of the first byte of the burst after the pulse; `jitter_ms` is one sigma."""

    name: str
    about: str
    delay_ms: float
    jitter_ms: float
    baud: int
    order: tuple[str, ...]
    """The sentences it sends in this order; GSA and GSV stand for as many as the constellations need."""
    talker: str
    constellations: tuple[str, ...]
    time_decimals: int
    place_decimals: int
    nmea41: bool
    """NMEA 4.10: RMC and GNS end with the navigational status (always V here), GSA has a system and GSV a signal id."""
    gsv_every: int
    pulse_width_ms: float
    vtg_course: str
    zone: str
    """ZDA's last two fields."""
    boot: tuple[str, ...]
    """What it says of itself when it starts."""
    cold: tuple[Phase, ...]
    own_fraction_ms: int
    """Sub-second part of the time before the first fix (MediaTek shows .800 or .799)."""
    txbuf: bool
    """Says `txbuf alloc` when a message finds no room."""


_DEFAULT_ORDER = ("RMC", "VTG", "GGA", "GSA", "GSV", "GLL")

PERSONALITIES = {
    p.name: p
    for p in (
        Personality(
            name="ublox-m8",
            about="u-blox M8 (NEO-M8N, SAM-M8Q and hats with them), NMEA 4.10, GPS and GLONASS",
            delay_ms=150.0,
            jitter_ms=8.0,
            baud=9600,
            order=_DEFAULT_ORDER,
            talker="GN",
            constellations=("GP", "GL"),
            time_decimals=2,
            place_decimals=5,
            nmea41=True,
            gsv_every=1,
            pulse_width_ms=100.0,
            vtg_course="",
            zone="00,00",
            boot=(
                "GNTXT,01,01,02,u-blox AG - www.u-blox.com",
                "GNTXT,01,01,02,HW UBX-M8030 00080000",
                "GNTXT,01,01,02,ROM CORE 3.01 (107888)",
                "GNTXT,01,01,02,PROTVER=18.00",
                "GNTXT,01,01,02,ANTSUPERV=AC SD PDoS SR",
                "GNTXT,01,01,02,ANTSTATUS=OK",
            ),
            cold=(Phase(6, "blank"), Phase(10, "void", UtcTime.civil(2013, 9, 1)), Phase(10, "void")),
            own_fraction_ms=0,
            txbuf=True,
        ),
        Personality(
            name="mtk3339",
            about="MediaTek MT3339 (Adafruit Ultimate GPS and hats with it), GPS only; sentences near half a second",
            delay_ms=505.0,
            jitter_ms=2.5,
            baud=9600,
            order=("GGA", "GSA", "GSV", "RMC", "VTG"),
            talker="GP",
            constellations=("GP",),
            time_decimals=3,
            place_decimals=4,
            nmea41=False,
            gsv_every=5,
            pulse_width_ms=100.0,
            vtg_course="194.17",
            zone=",",
            boot=("PGACK,103", "PGACK,105", "PMTK011,MTKGPS", "PMTK010,001"),
            cold=(Phase(25, "void", UtcTime.civil(1980, 1, 5, 23, 59, 45)), Phase(10, "void")),
            own_fraction_ms=800,
            txbuf=False,
        ),
        Personality(
            name="l76",
            about="Quectel L76 (MediaTek MT3333), GPS and GLONASS; sentences just before half a second",
            delay_ms=475.0,
            jitter_ms=12.0,
            baud=9600,
            order=_DEFAULT_ORDER,
            talker="GN",
            constellations=("GP", "GL"),
            time_decimals=3,
            place_decimals=4,
            nmea41=False,
            gsv_every=5,
            pulse_width_ms=100.0,
            vtg_course="73.02",
            zone=",",
            boot=("PMTK011,MTKGPS", "PMTK010,001", "PMTK010,002"),
            cold=(Phase(20, "void", UtcTime.civil(1980, 1, 6, 0, 0, 3)), Phase(10, "void")),
            own_fraction_ms=799,
            txbuf=False,
        ),
    )
}


def personality(name: str) -> Personality:
    """By name; UsageError names the known ones."""
    if name not in PERSONALITIES:
        raise UsageError(f"unknown personality {name!r}; known: {', '.join(PERSONALITIES)}")
    return PERSONALITIES[name]
