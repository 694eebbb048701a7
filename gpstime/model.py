"""The values that flow: events (what the world says), findings (what we believe), adjustments (what we ask of the clock).

One sign, said once, here: *offset = ours - true* (positive: our clock is ahead); a positive *frequency error* means that our clock
gains; *corrections are added to the clock*, so correction = -error.  y = dx per true second.  Frequencies are in ppb, instants in
integer ns, estimates in floats; units live in the names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gpstime.events import (
    Applied,
    DeviceFound,
    DeviceLost,
    Epoch,
    Event,
    Heard,
    Note,
    PpsEdge,
    Rejected,
    RtcReading,
    SerialBytes,
    SqwEdge,
    Temperature,
    Tick,
)
from gpstime.findings import (
    BoundStatus,
    ClockStep,
    Drift,
    ErrorBound,
    Finding,
    HoldoverBegan,
    HoldoverScored,
    Kind,
    Label,
    LabelChange,
    Mode,
    ModeChange,
    Offset,
    RtcBreak,
    RtcDrift,
    RtcOffset,
    SlewAnnounced,
    StepAnnounced,
)

__all__ = [
    "Adjustment",
    "Applied",
    "BoundStatus",
    "ClockStep",
    "DeviceFound",
    "DeviceLost",
    "Drift",
    "Epoch",
    "ErrorBound",
    "Event",
    "Finding",
    "Heard",
    "HoldoverBegan",
    "HoldoverScored",
    "Kind",
    "Label",
    "LabelChange",
    "Mode",
    "ModeChange",
    "Note",
    "Offset",
    "PpsEdge",
    "Rejected",
    "RtcBreak",
    "RtcDrift",
    "RtcOffset",
    "RtcReading",
    "SerialBytes",
    "Slew",
    "SlewAnnounced",
    "SqwEdge",
    "Step",
    "StepAnnounced",
    "Temperature",
    "Tick",
]


@dataclass(frozen=True, slots=True)
class Slew:
    """Absolute frequency correction, in force for `lasting_s`; afterwards the world falls back to the bare drift.

    One that lasts for ever (inf) is the bare drift from now on.
    """

    freq_ppb: float
    lasting_s: float


@dataclass(frozen=True, slots=True)
class Step:
    delta_ns: int


Adjustment: TypeAlias = Slew | Step
