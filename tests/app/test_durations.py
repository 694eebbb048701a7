"""Durations: what people write, and what is said back."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpstime.app.durations import LONGEST_S, parse_duration, say_duration
from gpstime.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1h", 3600),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("45", 45),
        (" 1H 5s ", 3605),
    ],
)
def test_what_people_write(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "s", "-1s", "0", "0s", "1x", "1m30", "30 1m", "1e3s", "nan", "inf", "1h-5m", "11y", "9999d", "٣m", "1" * 50, "1..5s"],
)
def test_what_is_no_duration(text):
    with pytest.raises(UsageError, match="is no duration: write"):
        parse_duration(text)


@given(st.text(max_size=50))
def test_any_text_is_a_duration_or_a_usage_error(text):
    with contextlib.suppress(UsageError):
        assert 0 < parse_duration(text) <= LONGEST_S


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.5, "0.5 s"),
        (42, "42 s"),
        (600, "10 min"),
        (605, "10 min 5 s"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (3599.7, "1 h"),
        (187_200, "2 d 4 h"),
    ],
)
def test_what_is_said(seconds, said):
    assert say_duration(seconds) == said
