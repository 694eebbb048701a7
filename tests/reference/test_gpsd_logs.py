"""Every receiver log of the shared recordings through `gpstime nmea`, against what gpsd, pynmea2 and the host's clock say of it.

gpsd's `.chk` files hold its reports: `TPV` with `mode` 2 or 3 is a fix, `time` the second that gpsd gave it. Every valid epoch of
ours must be among those times to the millisecond, and every time of theirs among ours, but for the exceptions below. Each was
looked at.
"""

from __future__ import annotations

import datetime
import io
import json
import lzma
import re
from pathlib import Path

import pynmea2
import pytest

from gpstime.app.nmea import nmea

NO_CYCLE_END = "the log ends in the middle of that second: gpsd reports a second when the next one begins"
UNDATED = "gpsd's first reports of a fix, made from GGA, have no time; its clock starts with the next second"
NO_GLL = "gpsd waits for the GLL that ended the seconds before; from this one on the receiver sends none"

# log: (valid epochs, {ours only: why gpsd lacks it}, {theirs only, or how many: why it is not valid to us})
WITH_GPSD: dict[str, tuple[int, dict[str, str], dict[str, str]]] = {
    "beidou-bd.log": (5, {"2015-02-25T07:41:55.799Z": UNDATED}, {}),
    "bu353s4.log": (25, {}, {}),
    "ericsson-gru04-02-70sec.log": (0, {}, {"71 times": "time from ZDA; this GPSDO sends no RMC, so nothing in it says `valid`"}),
    "et-332.log": (19, {}, {}),
    "firefly-II.log": (23, {}, {}),
    "furuno_gl_ga.log": (16, {}, {}),
    "garmin15x.log": (7, {}, {}),
    "garmin25lp.log": (10, {}, {}),
    "gp-320fw-2019-03-28.log": (20, {"2019-03-28T16:45:19.990Z": NO_GLL}, {}),
    "gp-320fw-2019-04-06-overflow.log": (20, {"2019-04-06T23:57:26.020Z": NO_GLL}, {}),
    "gp-320fw-2019-04-07-coldboot.log": (1, {}, {}),
    "hp58534a.log": (0, {}, {}),
    "iTrek.log": (35, {}, {}),
    "isync.log": (12, {"2016-02-03T13:15:30.000Z": NO_CYCLE_END}, {}),
    "meinberg-gps164.log": (70, {}, {}),
    "mt3339.log": (30, {}, {}),
    "mtk-3301.log": (4, {"2008-08-23T08:14:36.000Z": UNDATED}, {}),
    "neo-m8n.log": (23, {"2015-03-18T17:19:48.000Z": NO_CYCLE_END}, {}),
    "nmea-fuzzy-cases.log": (14, {}, {}),
    "quectel-L70.log": (16, {}, {}),
    "quectel-l76k-nmea.log.xz": (150, {}, {}),
    "sirfstarv-nmea.log": (59, {}, {}),
    "skytraq.log": (0, {}, {}),
    "tn200.log": (0, {}, {}),
    "ublox-8-time.log": (0, {}, {"89 times": "time from UBX binary; the log holds not one sentence"}),
    "ublox-8.log": (72, {}, {}),
    "ublox-lea-4h.log": (9, {"2006-08-10T03:15:18.000Z": NO_CYCLE_END}, {}),
    "ublox-lea-5h.log": (
        19,
        {"2010-08-21T08:37:36.000Z": "two captures joined in the middle of this second, after its RMC"},
        {"2010-08-21T08:55:15.000Z": "the second after that joint begins with GGA: a time with a date carried over, but no RMC"},
    ),
    "ublox-neo-m9n-nmea.log": (61, {}, {}),
    "ublox-zed-f9p-nmea.log": (29, {}, {}),
    "ublox8-uniqid-monhw.log": (
        6,
        {},
        {
            "2024-03-24T20:42:27.000Z": "time from UBX binary: the receiver's NMEA ends before",
            "2024-03-24T20:42:28.000Z": "time from UBX binary: the receiver's NMEA ends before",
        },
    ),
}

# log: (epochs, valid, rejections by reason). These have no .chk; pynmea2 and the lines themselves are the reference.
WITHOUT_GPSD: dict[str, tuple[int, int, dict[str, int]]] = {
    "host-timestamped/pixel6-gnsslogger.nmea": (95, 48, {"no-date": 1, "noise": 96}),
    "long/signalk-gofree-boat-2014.nmea.xz": (424, 142, {"bad-checksum": 142, "bad-date": 142, "no-date": 2, "truncated": 994}),
    "long/sirf-coldstart-2009-05-20.nmea.xz": (3050, 1520, {"no-date": 1, "truncated": 1}),
    "long/ublox-F9K-29min-2020.nmea.xz": (4960, 1653, {"bad-checksum": 13}),
    "long/ublox7-nofix-short.nmea": (44, 0, {"no-date": 2}),
    "pynmeagps/pygpsdata-mixed.log": (0, 0, {"no-date": 2, "noise": 2}),
    "pynmeagps/pygpsdata-nmeabadck2.log": (2, 1, {"malformed": 1}),
    "pyubx2/pygpsdata-BADCK2.log": (0, 0, {"noise": 1}),
    "pyubx2/pygpsdata-MIXED.log": (0, 0, {"noise": 12}),
}

ALL = [*(f"gpsd/{name}" for name in WITH_GPSD), *WITHOUT_GPSD]


def raw(path: Path) -> bytes:
    with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
        return file.read()


def through_the_command(path: Path) -> tuple[int, list[dict[str, object]]]:
    out = io.StringIO()
    code = nmea(str(path), json=True, out=out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def valid_times(objects: list[dict[str, object]]) -> list[str]:
    return [str(o["utc"]) for o in objects if o["k"] == "epoch" and o["valid"]]


def gpsd_times(folder: Path, log: str) -> dict[str, int]:
    """gpsd's times of this log, with the best mode each was reported with."""
    name = log.removesuffix(".xz") + ".chk"
    path = folder / name if (folder / name).exists() else folder / f"{name}.xz"
    times: dict[str, int] = {}
    for line in raw(path).splitlines():
        if line.startswith(b'{"class":"TPV"'):
            report = json.loads(line)
            if "time" in report:
                times[report["time"]] = max(report["mode"], times.get(report["time"], 0))
    return times


def test_no_log_is_forgotten(shared_data: Path):
    folder = shared_data / "nmea"
    logs = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and ".chk" not in p.name and p.name != "COPYING"}
    assert logs == set(ALL)


@pytest.mark.parametrize("log", ALL)
def test_every_log_goes_through_the_command(shared_data: Path, log: str, capsys: pytest.CaptureFixture[str]):
    code, objects = through_the_command(shared_data / "nmea" / log)
    *found, summary = objects
    epochs = [o for o in found if o["k"] == "epoch"]
    rejected: dict[object, int] = {}
    for o in found:
        assert o["k"] in ("epoch", "rejected")
        if o["k"] == "rejected":
            rejected[o["reason"]] = rejected.get(o["reason"], 0) + 1
    valid = len(valid_times(objects))
    assert summary == {"k": "summary", "epochs": len(epochs), "valid": valid, "rejected": rejected}
    assert code == (0 if epochs else 1)
    assert bool(capsys.readouterr().err) == (code != 0), "a sentence where it is not 0"
    if log in WITHOUT_GPSD:
        assert (len(epochs), valid, rejected) == WITHOUT_GPSD[log]


@pytest.mark.parametrize("log", WITH_GPSD)
def test_valid_epochs_are_gpsds_times(shared_data: Path, log: str):
    count, ours_only, theirs_only = WITH_GPSD[log]
    folder = shared_data / "nmea" / "gpsd"
    _, objects = through_the_command(folder / log)
    ours = valid_times(objects)
    assert len(ours) == count
    theirs = {time for time, mode in gpsd_times(folder, log).items() if mode >= 2}
    if log == "neo-m8n.log":
        # gpsd prints 2034 for this capture of 2015: its rollover guess is 1024 weeks off, and only that
        assert {time[:4] for time in theirs} == {"2034"}
        theirs = {_shifted(time, datetime.timedelta(weeks=-1024)) for time in theirs}
    assert set(ours) - theirs == set(ours_only)
    missing = theirs - set(ours)
    if any(key.endswith(" times") for key in theirs_only):
        assert {f"{len(missing)} times"} == set(theirs_only)
        assert missing == theirs
    else:
        assert missing == set(theirs_only)


def _shifted(time: str, by: datetime.timedelta) -> str:
    moved = datetime.datetime.fromisoformat(time) + by
    return moved.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moved.microsecond // 1000:03}Z"


def test_a_time_that_is_not_valid_is_still_shown(shared_data: Path):
    """The GPSDO without RMC: all its seconds are epochs, none of them valid, and gpsd's times are among them."""
    folder = shared_data / "nmea" / "gpsd"
    _, objects = through_the_command(folder / "ericsson-gru04-02-70sec.log")
    shown = {o["utc"] for o in objects if o["k"] == "epoch"}
    assert set(gpsd_times(folder, "ericsson-gru04-02-70sec.log")) <= shown


@pytest.mark.parametrize(("log", "years"), [("gp-320fw-2019-04-07-coldboot.log", {"1999", "2019"}), ("ublox-lea-4h.log", {"2006"})])
def test_void_time_is_never_valid(shared_data: Path, log: str, years: set[str]):
    """gpsd takes time from ZDA while RMC is void, and leaves the victim of the rollover of 2019 in 1999: reported with mode 1.

    None of these times is valid to us; in the reports with a fix both agree (above).
    """
    folder = shared_data / "nmea" / "gpsd"
    without_fix = {time for time, mode in gpsd_times(folder, log).items() if mode < 2}
    assert {time[:4] for time in gpsd_times(folder, log)} == years
    assert without_fix
    assert not without_fix & set(valid_times(through_the_command(folder / log)[1]))


_RMC = re.compile(rb"\$[A-Z]{2}RMC,[^*$!\r\n]*\*[0-9A-Fa-f]{2}")


@pytest.mark.parametrize("log", ALL)
def test_pynmea2_reads_the_same_times(shared_data: Path, log: str):
    """An independent reading: every RMC with a right checksum, status A and a real mode, in order."""
    theirs = []
    for sentence in _RMC.findall(raw(shared_data / "nmea" / log)):
        try:
            message = pynmea2.parse(sentence.decode("ascii"), check=True)
        except (pynmea2.ParseError, UnicodeDecodeError):
            continue
        if message.status == "A" and (len(message.data) < 12 or message.mode_indicator in tuple("ADFRP")):
            theirs.append(_shifted(message.datetime.isoformat(), datetime.timedelta()))
    assert valid_times(through_the_command(shared_data / "nmea" / log)[1]) == theirs


def test_epochs_agree_with_the_hosts_clock(shared_data: Path):
    """A phone's log has the host's clock, set by the network, in every line: each RMC arrived within a second of what it says."""
    log = "host-timestamped/pixel6-gnsslogger.nmea"
    ours = [datetime.datetime.fromisoformat(t).timestamp() for t in valid_times(through_the_command(shared_data / "nmea" / log)[1])]
    lines = raw(shared_data / "nmea" / log).decode("ascii").splitlines()
    hosts = [int(line.rsplit(",", 1)[1]) / 1000 for line in lines if "RMC" in line]
    assert len(ours) == len(hosts) == 48
    assert all(0 < host - epoch < 1 for epoch, host in zip(ours, hosts, strict=True))
