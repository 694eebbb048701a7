"""The scores of holdovers on disk: they outlive the run, and a torn or foreign line costs itself only."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpstime.errors import CaptureUnreadable
from gpstime.model import Applied, Event, Slew, Tick
from gpstime.store.answered import AnsweredWorld
from gpstime.store.outages import SHORTEST_S, Outages, Over
from gpstime.times import RawNs, UnixNs

ONE = Over("2026-11-24T10:00:00Z", 3600.5, -81_000.0, 240_000.0, 1e6, 9_000.0, 1_200.0, "service", 7)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    kept = Outages(tmp_path / "new")
    assert kept.add(ONE) == kept.add(Over("", 90.0, 5.0, 4.0)) == ""
    again = Outages(tmp_path / "new")
    assert again.over == [ONE, Over("", 90.0, 5.0, 4.0)]
    assert [o.held for o in again.over] == [True, False]
    assert [o.forecast_held for o in again.over] == [True, None]
    assert Over("", 90.0, 2e6, 4.0, 1e6, 100.0).forecast_held is False
    assert Over("", 101.0, 2e6, 4.0, 1e6, 100.0).forecast_held is None


def test_a_torn_line_costs_itself_only(tmp_path: Path) -> None:
    kept = Outages(tmp_path)
    kept.add(ONE)
    assert kept.path is not None
    with kept.path.open("ab") as f:
        f.write(b'{"utc": "2026-11-2')
    Outages(tmp_path).add(ONE)
    with kept.path.open("ab") as f:
        f.write(b'[]\n{"lasted_s": true, "off_ns": 1, "bound_ns": 2}\n{"lasted_s": 1, "off_ns": 1e999, "bound_ns": 2}\n\xff\n')
        f.write(b'{"lasted_s": 70, "off_ns": 1, "bound_ns": 2, "utc": 5, "run": "x", "limit_ns": null, "new": 1}\n')
        f.write(b"[" * 100_000 + b"\n")
    again = Outages(tmp_path)
    assert again.over == [ONE, ONE, Over("", 70.0, 1.0, 2.0)]
    assert again.skipped == 6


def test_gaps_that_say_nothing_do_not_wear_the_card(tmp_path: Path) -> None:
    kept = Outages(tmp_path)
    kept.add(Over("", SHORTEST_S - 1.0, 1.0, 2.0))
    assert len(kept.over) == 1
    assert kept.path is not None
    assert not kept.path.exists()


def test_a_disk_that_refuses_is_said_and_nothing_is_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = Outages(None)
    kept.path = tmp_path / "file" / "holdover.jsonl"
    assert "can't be kept" in kept.add(ONE)
    assert kept.over == [ONE]
    (tmp_path / "holdover.jsonl").mkdir()
    with pytest.raises(CaptureUnreadable, match="can't be read"):
        Outages(tmp_path)


# ---- a record answers what is asked of it --------------------------------------------------------------------------------------


class Recorded:
    def __init__(self, events: list[Event]) -> None:
        self._recorded = events

    def events(self):
        yield from self._recorded

    def adjust(self, adjustment):
        raise AssertionError("the record answers where it has an answer")

    def close(self) -> None:
        pass


def test_answers_stand_where_they_were_given() -> None:
    def tick(at: int) -> Tick:
        return Tick(RawNs(at), UnixNs(at))

    mine, other = Applied(RawNs(11), 5.0, 0, 0, "gpstime"), Applied(RawNs(12), 7.0, 0, 0, "chronyd")
    world = AnsweredWorld(Recorded([tick(10), mine, other, tick(20), tick(30)]))
    events = world.events()
    assert next(events) == tick(10)
    assert world.adjust(Slew(5.0, 1.5)) == mine
    assert next(events) == other  # what somebody else did stays an event of its own
    assert next(events) == tick(20)
    made_up = world.adjust(Slew(6.0, 1.5))
    assert (made_up.at, made_up.freq_ppb, made_up.step_ns, world.unanswered) == (20, None, 0, 1)
    assert list(events) == [tick(30)]
