"""How late the stamps of a pulse are taken to be, for people: constant, so no program sees it (P21)."""

from __future__ import annotations

from collections.abc import Mapping


def say_lateness(facts: Mapping[str, object]) -> str:
    """In a sentence, from what `gpstime status --json` says under `stamps`."""
    late_ns, doubt_ns, why = facts["bias_ns"], facts["bias_err_ns"], facts["bias_why"]
    if not isinstance(late_ns, int):
        return "how late the stamps of the pulse are is not known yet"
    doubt = f", give or take {doubt_ns / 1000:g} us" if isinstance(doubt_ns, int) else ", how sure nobody knows"
    return f"stamps of the pulse are taken to be {late_ns / 1000:g} us late{doubt}: {why}"
