"""The whole program: a run is a fold over a stream of events."""

from __future__ import annotations

from collections.abc import Sequence

from gpstime.ports import Sink, Thinker, World


def run(world: World, engine: Thinker, sinks: Sequence[Sink]) -> None:
    """Give every event of `world` to `engine`; carry out what it asks; show every value, in order, to every sink.

    What a world answers to an adjustment is an event like any other: the engine hears what really happened.
    """
    for event in world.events():
        for sink in sinks:
            sink(event)
        findings, adjustments = engine.on(event)
        for finding in findings:
            for sink in sinks:
                sink(finding)
        for adjustment in adjustments:
            applied = world.adjust(adjustment)
            for sink in sinks:
                sink(applied)
            for finding in engine.on(applied)[0]:
                for sink in sinks:
                    sink(finding)
