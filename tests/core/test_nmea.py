"""Sentences to epochs: every talker, strict times and dates, whose word `valid` is, and the date that a sentence does not have."""

from __future__ import annotations

import dataclasses

import pytest
from nmea_lines import content, feed, line, reasons, rmc

from gpstime.core.nmea import Nmea
from gpstime.model import Epoch, Rejected
from gpstime.times import NS, RawNs, UtcTime


def only(data: bytes) -> Epoch | Rejected:
    results = feed(data)
    assert len(results) == 1, results
    return results[0]


def gga(time: str, quality: str = "1", talker: str = "GP") -> bytes:
    return line(f"{talker}GGA,{time},4404.1,N,12118.8,W,{quality},12,0.91,1147.2,M,-21.3,M,,")


# ---- whose word `valid` is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("talker", ["GP", "GN", "GL", "GA", "GB", "BD", "GQ", "QZ", "GI", "II", "IN", "WI", "LC"])
def test_rmc_of_every_talker(talker):
    epoch = only(rmc(talker=talker))
    assert epoch == Epoch(RawNs(0), RawNs(0), UtcTime.civil(2026, 3, 23, 12), True, f"{talker}RMC", True, True)


@pytest.mark.parametrize(
    ("status", "tail", "valid"),
    [
        ("A", "", True),  # NMEA 1.5: nothing behind the date
        ("A", ",,", True),  # NMEA 2.0: magnetic variation
        ("A", ",003.1,W", True),
        ("A", ",,,A", True),  # NMEA 2.3: mode
        ("A", ",,,D", True),
        ("A", ",,,F", True),
        ("A", ",,,R", True),
        ("A", ",,,P", True),
        ("A", ",,,", True),  # a mode not given
        ("A", ",,,N", False),
        ("A", ",,,E", False),  # dead reckoning
        ("A", ",,,M", False),
        ("A", ",,,S", False),  # a simulator in the receiver
        ("A", ",,,AA", False),
        ("A", ",,,A,V", True),  # NMEA 4.1: navigational status, V on every good fix of a u-blox M8
        ("A", ",,,A,S", True),
        ("A", ",,,N,V", False),
        ("V", "", False),
        ("V", ",,,A", False),
        ("V", ",,,N,V", False),
        ("", ",,,A", False),
        ("a", ",,,A", False),
        ("AA", ",,,A", False),
    ],
)
def test_valid_is_status_a_with_a_real_mode(status, tail, valid):
    epoch = only(rmc(status=status, tail=tail))
    assert isinstance(epoch, Epoch)
    assert epoch.valid is valid
    assert epoch.fix is (valid if status in ("A", "V") else None)


def test_only_rmc_can_be_valid():
    stream = rmc() + gga("120000.00") + line("GPZDA,120000.00,23,03,2026,00,00") + line("GNGNS,120000.00,,,,,AA,12,0.9,1,1,,")
    stream += line("GPGLL,4404.1,N,12118.8,W,120000.00,A,A") + line("PUBX,04,120000.00,230326,129600.00,2411,18,1,1,21")
    epochs = feed(stream)
    assert [(e.sentence, e.valid) for e in epochs if isinstance(e, Epoch)] == [
        ("GNRMC", True),
        ("GPGGA", False),
        ("GPZDA", False),
        ("GNGNS", False),
        ("GPGLL", False),
        ("PUBX", False),
    ]
    assert {e.second for e in epochs if isinstance(e, Epoch)} == {UtcTime.civil(2026, 3, 23, 12)}


@pytest.mark.parametrize(
    ("quality", "fix"), [("0", False), ("1", True), ("2", True), ("4", True), ("5", True), ("6", False), ("8", False), ("", None)]
)
def test_gga_says_whether_there_is_a_fix(quality, fix):
    assert feed(rmc() + gga("120000", quality))[1].fix is fix


@pytest.mark.parametrize(("modes", "fix"), [("AN", True), ("NNND", True), ("NN", False), ("E", False), ("", None)])
def test_gns_has_a_mode_for_each_constellation(modes, fix):
    assert feed(rmc() + line(f"GNGNS,120000.00,,,,,{modes},12,0.9,1,1,,"))[1].fix is fix


@pytest.mark.parametrize(("tail", "fix"), [("A", True), ("A,A", True), ("A,N", False), ("V", False), ("V,N", False), (",", None)])
def test_gll_has_a_status_and_a_mode(tail, fix):
    assert feed(rmc() + line(f"GPGLL,4404.1,N,12118.8,W,120000.00,{tail}"))[1].fix is fix


@pytest.mark.parametrize("address", ["gnRMC", "gprmc", "G\xb5RMC", 'G"RMC', "GRMC", "GPRMCX", "GP RMC"])
def test_an_address_that_is_none_is_not_read(address):
    assert feed(line(f"{address},120000.00,A,4404.1,N,12118.8,W,0.1,,230326,,,A")) == []


def test_garmins_pgrmc_is_no_rmc():
    nmea = Nmea()
    assert nmea.feed(line("PGRMC,A,163.5,100,6378137.000,298.257223563,0.0,0.0,0.0,A,3,1,2,4,30"), RawNs(0)) == []
    assert nmea.seen == {"PGRMC": 1}


# ---- times and dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "ns"),
    [
        ("000000", 0),
        ("000000.0", 0),
        ("235959", 86_399 * NS),
        ("235959.999999999", 86_400 * NS - 1),
        ("235959.9999999999999", 86_400 * NS - 1),  # cut, never rounded into the next second
        ("235960", 86_400 * NS),
        ("235960.5", 86_400 * NS + NS // 2),
        ("120000.1", 43_200 * NS + NS // 10),
        ("120000.123456789123", 43_200 * NS + 123_456_789),
        ("120000.05", 43_200 * NS + 50_000_000),
    ],
)
def test_times_of_day(field, ns):
    assert only(rmc(field)).second == UtcTime(UtcTime.civil(2026, 3, 23).day, ns)


@pytest.mark.parametrize(
    "field",
    [
        "12000", "1200000", "1200", "12:00:00", "-10000", "+10000", " 20000", "12 000", "120000.", "12000.0",
        "120000.5a", "120000.-5", "120000.+5", "120000.1e3", "120000..5", "240000", "126000", "120060", "235860", "225960",
        "235961", "120000Z", "\xb920000", "12_000", "120000.1_2", "0x1200", "nan", "120000\x00",
    ],
)  # fmt: skip
def test_what_is_no_time(field):
    assert reasons(feed(rmc(field))) == ["bad-time"]
    assert reasons(feed(rmc() + gga(field))) == ["epoch", "bad-time"]
    assert reasons(feed(line(f"GPZDA,{field},23,03,2026,00,00"))) == ["bad-time"]


@pytest.mark.parametrize(
    ("field", "date"),
    [
        ("060180", (1980, 1, 6)),
        ("050180", (1980, 1, 5)),  # MTK3339 without a date: 2080 to some
        ("311299", (1999, 12, 31)),
        ("010100", (2000, 1, 1)),
        ("290200", (2000, 2, 29)),
        ("290224", (2024, 2, 29)),
        ("311279", (2079, 12, 31)),
        ("010169", (2069, 1, 1)),
    ],
)
def test_dates_and_the_pivot_of_their_years(field, date):
    assert only(rmc(date=field)).second == UtcTime.civil(*date, 12)


@pytest.mark.parametrize(
    "field",
    [
        "300226",
        "290225",
        "310426",
        "000126",
        "010026",
        "011326",
        "23032",
        "2303",
        "2303266",
        "23-326",
        " 30326",
        "2303 6",
        "ddmmyy",
        "+10126",
    ],
)
def test_what_is_no_date(field):
    assert reasons(feed(rmc(date=field))) == ["bad-date"]


@pytest.mark.parametrize(
    "date",
    ["29,02,2025", "31,04,2026", "1,03,2026", "01,3,2026", "01,03,26", "01,03,0000", "01,03,02026", "01,03,-026", "32,01,2026"],
)
def test_what_is_no_date_in_zda(date):
    assert reasons(feed(line(f"GPZDA,120000.00,{date},00,00"))) == ["bad-date"]


def test_zda_has_its_century():
    assert only(line("GPZDA,120000.00,06,01,1980,00,00")).second == UtcTime.civil(1980, 1, 6, 12)
    assert only(line("GPZDA,120000.00,12,01,3236,00,00")).second == UtcTime.civil(3236, 1, 12, 12)
    assert only(line("GPZDA,120000.00,12,01,2069,,")).second == UtcTime.civil(2069, 1, 12, 12)


def test_empty_fields_are_said_by_name():
    assert reasons(feed(rmc(time="", date=""))) == ["no-time"]
    assert reasons(feed(rmc(time=""))) == ["no-time"]
    assert reasons(feed(rmc(date=""))) == ["no-date"]
    assert reasons(feed(line("GPZDA,,,,,,"))) == ["no-time"]
    assert reasons(feed(line("GPZDA,120000,,,,,"))) == ["no-date"]
    assert reasons(feed(gga(""))) == ["no-time"]
    assert reasons(feed(line("GPGLL,4916.45,N,12311.12,W"))) == ["no-time"]
    assert reasons(feed(gga("120000"))) == ["no-date"], "before any date is known"


@pytest.mark.parametrize(
    "body", ["GPRMC", "GPRMC,120000,A", "GPZDA,120000", "GPGGA,120000", "GNGNS,120000", "GPGLL,1", "PUBX,04,120000.00"]
)
def test_too_few_fields(body):
    assert reasons(feed(rmc() + line(body))) == ["epoch", "malformed"]


def test_rejections_show_the_line():
    rejected = only(rmc(date="300226"))
    assert isinstance(rejected, Rejected)
    assert (rejected.source, rejected.raw) == ("nmea", rmc(date="300226").strip())


# ---- the date that GGA, GNS and GLL do not have ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dated", "time", "expected"),
    [
        (("235959", "311226"), "000000.00", (2027, 1, 1, 0, 0, 0)),  # GGA before its RMC at midnight
        (("000000", "010127"), "235959.00", (2026, 12, 31, 23, 59, 59)),  # GLL of the second before, behind the RMC
        (("120000", "230326"), "120001.00", (2026, 3, 23, 12, 0, 1)),
        (("235959", "311216"), "235960.00", (2016, 12, 31, 23, 59, 60)),
        (("010000", "230326"), "125959.00", (2026, 3, 23, 12, 59, 59)),
        (("010000", "230326"), "130001.00", (2026, 3, 22, 13, 0, 1)),  # nearer the day before
    ],
)
def test_the_nearest_date(dated, time, expected):
    results = feed(rmc(*dated) + gga(time))
    epoch = results[1]
    assert isinstance(epoch, Epoch)
    assert (epoch.second, epoch.dated, epoch.valid) == (UtcTime.civil(*expected), False, False)


def test_the_date_goes_on_over_many_nights_without_rmc():
    """The date is carried from the last *dated* sentence: a GGA alone never moves it on by itself."""
    results = feed(rmc("230000", "230326") + gga("235959") + gga("000001") + gga("010000"))
    assert [r.second.iso() for r in results if isinstance(r, Epoch)] == [
        "2026-03-23T23:00:00Z",
        "2026-03-23T23:59:59Z",
        "2026-03-24T00:00:01Z",
        "2026-03-24T01:00:00Z",
    ]


def test_a_void_rmc_gives_its_date_too():
    """An invented date shows in the GGA as well: whether it is plausible is judged later, and by others."""
    assert feed(rmc("000001.000", "060180", status="V", tail=",,,N") + gga("000001.000", "0"))[1].second == UtcTime.civil(
        1980, 1, 6, 0, 0, 1
    )


# ---- u-blox's own time sentence --------------------------------------------------------------------------------------------------


def test_pubx_04_and_its_default_leap_count():
    nmea = Nmea()
    (epoch,) = nmea.feed(line("PUBX,04,073731.00,091202,113851.00,1196,15D,1930035,-2660.664,43"), RawNs(0))
    assert epoch == Epoch(RawNs(0), RawNs(0), UtcTime.civil(2002, 12, 9, 7, 37, 31), False, "PUBX", True, None)
    assert nmea.leap_default is True
    nmea.feed(line("PUBX,04,073732.00,091202,113852.00,1196,13,1930035,-2660.664,43"), RawNs(0))
    assert nmea.leap_default is False
    assert (
        nmea.feed(line("PUBX,00,073732.00,4717.1,N,00833.9,E,546.589,G3,2.1,2.0,0.007,77.52,0.007,,0.92,1.19,0.77,9,0,0"), RawNs(0))
        == []
    )
    assert reasons(nmea.feed(line("PUBX,04,,,,,18,,,"), RawNs(0))) == ["no-time"]


# ---- counts and hooks ------------------------------------------------------------------------------------------------------------


def test_counts_by_type():
    nmea = Nmea()
    nmea.feed(rmc() + rmc(talker="GP") + gga("120000") + line("PMTK001,314,3") + b"$GPGSV,1*00\r\n", RawNs(0))
    assert nmea.seen == {"RMC": 2, "GGA": 1, "PMTK001": 1}
    assert nmea.sentences == 4


def test_ever_new_kinds_fill_no_memory_and_hide_no_rmc():
    nmea = Nmea()
    for i in range(3000):
        nmea.feed(line(f"Z{i:04}XX,1"), RawNs(0))
    assert len(nmea.seen) <= 257
    assert nmea.sentences == 3000
    assert reasons(nmea.feed(rmc(), RawNs(0))) == ["epoch"]
    assert nmea.sentences == 3001


def test_good_sentences_go_to_the_hook_as_they_came():
    nmea = Nmea()
    heard = []
    nmea.lines = lambda sentence, at: heard.append((sentence, at))
    nmea.feed(rmc()[:20], RawNs(7))
    nmea.feed(rmc()[20:] + b"$GPGSV,1*00\r\n" + line("AIVDM,1", start=b"!"), RawNs(9))
    assert heard == [(rmc().strip(), 7), (line("AIVDM,1", start=b"!").strip(), 9)]


def test_what_comes_out_are_the_frozen_values_of_the_model():
    """The parser makes them by a shorter way than their constructor."""
    epoch = only(rmc())
    made = Epoch(RawNs(0), RawNs(0), UtcTime.civil(2026, 3, 23, 12), True, "GNRMC", True, True)
    assert type(epoch) is Epoch
    assert type(epoch.second) is UtcTime
    assert (epoch, hash(epoch), repr(epoch)) == (made, hash(made), repr(made))
    with pytest.raises(dataclasses.FrozenInstanceError):
        epoch.valid = False
    with pytest.raises(dataclasses.FrozenInstanceError):
        epoch.second.day = 1
    assert dataclasses.replace(epoch, valid=False).valid is False
    assert content([epoch])[0][1] is True
