"""What a service keeps does not grow with time. A month of it is in `make bench` (bench_month.py); here some hours."""

from __future__ import annotations

from pathlib import Path

from month import Service, weight

HOUR = 3600
AT_HOURS = (4, 5, 6)
"""By now every window is full, and the shelf of sentences that were met (256 kinds). A block of a queue comes and goes: 2 %."""
ALIKE = 0.02


def grown(service: Service) -> float:
    """By what share the service's weight grows, at the same place between two batches of the record."""
    sizes, before = [], 0
    for hours in AT_HOURS:
        service.live(before, hours * HOUR)
        before = hours * HOUR
        service.record.commit()
        sizes.append(weight(service)[1])
    return max(sizes[1:]) / sizes[0] - 1


def test_hours_leave_nothing_behind(tmp_path: Path) -> None:
    service = Service(tmp_path)
    try:
        assert grown(service) < ALIKE
        assert service.engine.drift.n > 3 * HOUR
        assert service.standing.receiver.losses >= 5, "what happens once an hour has happened"
        assert service.record.facts["state"] == "ok"
    finally:
        service.close()


def test_a_sink_that_keeps_what_it_hears_is_seen_to_grow(tmp_path: Path) -> None:
    """The twin: a value kept every minute."""
    service, kept = Service(tmp_path), []
    service.sinks.append(lambda value: kept.append(value) if value.at % (60 * 10**9) < 10**9 else None)
    service.kept = kept  # type: ignore[attr-defined]
    try:
        assert grown(service) > 3 * ALIKE
    finally:
        service.close()
