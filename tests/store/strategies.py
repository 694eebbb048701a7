"""Hypothesis strategies of every event, over the whole range that the codec promises to keep exactly."""

from __future__ import annotations

from hypothesis import strategies as st

from gpstime import model as m
from gpstime.times import UtcTime

int64 = st.integers(-(2**63), 2**63 - 1)
width = st.integers(0, 2**63 - 1)
text = st.text(max_size=20)
real = st.floats(allow_nan=False, allow_infinity=False)
edge = st.sampled_from(["assert", "clear"])
utc = st.builds(
    UtcTime.civil,
    year=st.integers(1, 9999),
    month=st.integers(1, 12),
    day=st.integers(1, 28),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    second=st.integers(0, 59),
    ns=st.integers(0, 999_999_999) | st.just(0) | st.just(250_000_000),
) | st.just(UtcTime.civil(2016, 12, 31, 23, 59, 60))


def heard(found):
    return m.Heard(found.at, found)


event = st.one_of(
    st.builds(
        m.PpsEdge,
        int64,
        int64,
        edge,
        int64,
        text,
        st.sampled_from([None, "real", "mono", "raw"]),
        st.none() | int64,
        width,
        int64,
    ),
    st.builds(m.SerialBytes, int64, st.binary(max_size=40), text),
    st.builds(m.Tick, int64, int64, st.none() | int64, width),
    st.builds(m.RtcReading, int64, utc, width, width, st.booleans(), st.booleans(), st.none() | real, st.none() | int64, text),
    st.builds(m.SqwEdge, int64, edge, int64, text),
    st.builds(m.Temperature, int64, text, real),
    st.builds(m.Applied, int64, st.none() | real, int64, int64, text, text),
    st.builds(m.DeviceLost, int64, text, text),
    st.builds(m.DeviceFound, int64, text, text),
    st.builds(m.Note, int64, text),
    st.builds(m.Epoch, int64, int64, utc, st.booleans(), text, st.booleans(), st.none() | st.booleans()).map(heard),
    st.builds(m.Rejected, int64, text, text, st.binary(max_size=128)).map(heard),
)
