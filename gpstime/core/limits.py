"""The numbers of the pairing. Counts are of bursts (one a second), distances in seconds."""

from __future__ import annotations

AGREED = 8
"""Bursts in a row on one second before it is believed."""
PATIENT = 24
"""Bursts after which a support that touches two seconds is called ambiguous (fewer may be bad luck with the spread)."""
PROBATION = 56
"""Bursts after which a label no longer depends on the first few; later, a delay that wanders takes the label along."""
FORGIVING = 0.8
"""Part of the support that must touch a pulse to take a label back during probation: what was just plain does not flap."""
UNSTEADY = 40
"""Bursts after which sentences that keep no steady delay are called ambiguous."""
CONTRARY = 5
"""Bursts in a row, agreeing with each other, that end a label (a sentence that is wrong and passes its checksum comes alone)."""
MOVE = 0.4
"""How far (s) a delay may move from one burst to the next and still be the same delay, wandering."""
NEAR = 0.7
"""How far (s) from the median a burst may be while learning."""
LASTING = 60
"""Bursts in a row before a label is changed by a jump that lateness can't explain."""
LEAP_ROW = 780
"""The same where the leap second count may have changed: a receiver can be wrong about it for 12.5 minutes."""
LEAP_MOST = 18
"""The most whole seconds that a receiver without a leap count can be off (GPS - UTC in 2017 and since)."""
EARLY = -0.05
"""A median delay below this (s) is a burst before its pulse, beyond the doubt of stamps: the label is wrong."""
PLAINLY_EARLY = -0.15
"""Three bursts in a row so far (s) before their pulse are enough: no jitter of a delay of 100 ms does that."""
FOLLOWING = 1.2
"""How far (s) such bursts may be from the one before: a raw clock loses less than a second in a second."""
WAIT = 120
"""Bursts for which an RTC that fits two seconds so far is waited for."""
KEPT_RIGHT = 10_800
"""Bursts (3 h) after which a clock that was held for right, and is a second off, is rather wrong by now: nobody steers it."""
NEAREST_S = 0.35
"""How far (s) a clock may be from a second and still speak for it."""
