"""Holdovers found anew in a record: each run whose clock was steered goes through the loop again, and scores what it scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from gpstime.app.outage_score import Scoring
from gpstime.app.rtc_specs import spec_of
from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.core.policy import Policy
from gpstime.errors import UsageError
from gpstime.store.answered import AnsweredWorld
from gpstime.store.outages import Outages
from gpstime.store.runs import Run, RunWorld, pick, runs
from gpstime.times import LeapTable


def policy_in(head: Mapping[str, object]) -> Policy | None:
    """The policy by which a run was steered, as its head has it; None where it was not, or where no such policy can be."""
    said = head.get("discipline")
    if not isinstance(said, Mapping):
        return None
    known = {f.name: said[f.name] for f in fields(Policy) if f.name in said}
    try:
        return Policy(**known)
    except (UsageError, TypeError):
        return None


def replayed(folder: str, number: int | None, leap: LeapTable | None = None) -> Outages:
    """Of the record in `folder`, or of its run `number` only; in memory."""
    if leap is None:
        from gpstime.drivers.leap_files import load

        leap = load()
    found = runs(folder)
    kept = Outages(None)
    for one in found if number is None else [pick(found, number, folder)]:
        policy = policy_in(one.head)
        if policy is not None:
            _through(one, policy, leap, kept)
    return kept


def _through(one: Run, policy: Policy, leap: LeapTable, kept: Outages) -> None:
    recorded = RunWorld(one, "epochs")
    engine = Engine(leap, recorded.not_before, trim_of=spec_of, discipline=policy, leap_held=recorded.leap_held)
    loop = engine.discipline
    assert loop is not None
    run(AnsweredWorld(recorded), engine, [Scoring(kept, "service", lambda: loop.second, lambda: one.number)])
