"""From lags to a label: learning it, keeping it, doubting it. The rules of the pairing, without its inputs.

Lateness has one side: a burst may come late by seconds (a full buffer) but never before its pulse. So bursts that come later than
the label says prove nothing about it, while bursts before their pulse prove it wrong.
"""

from __future__ import annotations

import math

from gpstime.core import words
from gpstime.core.delay import Lags, Support
from gpstime.core.earliest import TOGETHER, Earliest, may_change
from gpstime.core.fix import FixRule
from gpstime.core.limits import (
    AGREED,
    CONTRARY,
    EARLY,
    FOLLOWING,
    FORGIVING,
    LASTING,
    LEAP_MOST,
    MOVE,
    NEAR,
    PATIENT,
    PLAINLY_EARLY,
    PROBATION,
    UNSTEADY,
    WAIT,
)
from gpstime.core.raster import Raster
from gpstime.core.sources import DOUBT_S, Sources, Verdict
from gpstime.model import Label, LabelChange, Rejected
from gpstime.times import NS, RawNs


class Naming:
    """`zero`: the label, TAI seconds minus pulse number; lags are counted from it, so with a true label they are delays.

    `doubted`: something contradicted the label that was there, so seconds named before are in doubt too; `disproved`: bursts come
    before the pulse whose second they name, now. Inside: `_vouched`, a second source agreed when the label was given; `_settled`,
    one did that rests on no assumption, and if it drifts later, so be it; `_rough`, delays were unsteady or a label was taken back,
    so the next needs a minute of agreement; `_checking`, the label waits for a burst that fits it.
    """

    def __init__(self, raster: Raster, fix: FixRule, sources: Sources) -> None:
        self.label = Label.NONE
        self.why = ""
        self.assumption = ""
        self.doubted = False
        self.zero = 0
        self.lags = Lags()
        self.corrected_weeks = 0
        self._raster = raster
        self._fix = fix
        self._sources = sources
        self._prior: Support | None = None
        """Where delays were under the label that was withdrawn (`zero` is still its number)."""
        self._vouched = self._settled = False
        self._last = 0.0
        self._contrary: list[float] = []
        self._row = 0
        self._heard = 0
        self._rough = self._checking = False
        self._asleep_s = 0
        self._earliest = Earliest()
        self._early: list[float] = []

    @property
    def disproved(self) -> bool:
        return len(self._early) >= TOGETHER

    @property
    def stood(self) -> float:
        """For how many bursts the label has stood; for ever, if a second source vouches for it."""
        return math.inf if self._vouched else self._heard

    @property
    def sure(self) -> bool:
        """The label does not hang on the first few bursts any more."""
        return self.label is Label.OK and (self._vouched or self._heard > PROBATION)

    def vote(self, burst_at: RawNs, tai_s: int) -> list[LabelChange | Rejected]:
        """A burst that begins at `burst_at` names the second `tai_s` (TAI)."""
        place = self._raster.place(burst_at)
        if place is None:
            return []
        n, since = place
        lag = n + self.zero - tai_s + since
        if self._prior is not None or self.label is Label.OK:
            near = lag < PLAINLY_EARLY and (not self._early or abs(lag - self._early[-1]) < FOLLOWING)
            self._early = [*self._early[1 - TOGETHER :], lag] if near else []
        if self._fix.hold_ns <= 0:
            self._earliest.add(lag - self.zero)
        if self._checking:
            return self._check(burst_at, lag)
        if self.label is not Label.OK:
            return self._learn(burst_at, lag)
        if abs(lag - self._last) <= MOVE:
            self._last = lag
            self.lags.add(lag)
            self._heard += 1
            self._contrary.clear()
            return self._look_again(burst_at) if self._heard % 8 == 0 or lag < PLAINLY_EARLY else []
        if self._fix.hold_ns > 0:  # a receiver that came back cold: it is not yet to be compared with
            return []
        out: list[LabelChange | Rejected] = [Rejected(burst_at, "pairing", "not-continuous")]
        contrary = self._contrary
        contrary.append(lag)
        if len(contrary) < CONTRARY:
            return out
        together = contrary[-CONTRARY:]
        if max(together) - min(together) < MOVE:
            if math.floor(min(together)) == 0 == math.floor(max(together)):  # another delay, the same second
                self.lags.restart(together)
                self._last = together[-1]
                contrary.clear()
                return out
            return out + self._withdraw(burst_at, together)
        return out + self._withdraw(burst_at, []) if len(contrary) >= 3 * CONTRARY else out

    def _look_again(self, at: RawNs) -> list[LabelChange | Rejected]:
        """Eight more bursts fit the label: do they, all together?"""
        support = self.lags.support()
        if support.median < EARLY or self._earliest.now_under(self.zero) < PLAINLY_EARLY:
            young = not self.sure
            out = self._withdraw(at, [])
            if young:  # a backlog from the start, which has drained: nothing to hold on to
                self._prior = None
            return out
        if not self.sure and len(support.wholes_within(FORGIVING)) > 1:  # it was luck
            self.doubted = True
            return self._say(Label.AMBIGUOUS, at, words.split(support), withdrawn=True)
        return []

    def _withdraw(self, at: RawNs, lags: list[float]) -> list[LabelChange | Rejected]:
        """The label no longer stands; learn again, remembering it."""
        support = self.lags.support()
        self._prior = support
        self._rough = self.doubted = True
        self._relearn(lags)
        return self._say(Label.AMBIGUOUS, at, words.withdrawn(support, lags), withdrawn=True)

    def check(self, at: RawNs, step_ns: int) -> list[LabelChange | Rejected]:
        """The system clock jumped as after a sleep, in which the raw clock stands still: wait for a burst that fits the label."""
        if self.label is not Label.OK:
            return []
        self._checking, self._asleep_s = True, round(step_ns / NS)
        return self._say(Label.AMBIGUOUS, at, words.slept(step_ns))

    def _check(self, at: RawNs, lag: float) -> list[LabelChange | Rejected]:
        self._checking = False
        if abs(lag - self._last) > MOVE:
            return self._withdraw(at, [lag])
        self._last, self._asleep_s = lag, 0
        self.lags.add(lag)
        return self._say(Label.OK, at, words.kept(self.lags.support()))

    def _relearn(self, lags: list[float]) -> None:
        self.lags.restart(lags)
        self._contrary.clear()
        self._row = self._heard = len(lags)
        self._vouched = self._settled = self._checking = False
        self.assumption = ""

    def restart(self, at: RawNs) -> list[LabelChange | Rejected]:
        """The train began anew: numbers of before mean nothing now."""
        self._prior = None
        self._earliest.forget()
        self._relearn([])
        return self._say(Label.NONE, at, words.RESTARTED)

    def hear(self, at: RawNs) -> list[LabelChange | Rejected]:
        """A second source spoke: it may settle or withdraw a label that rests on an assumption."""
        if self.label is not Label.OK or self._settled:
            return []
        opinion = self._sources.opinion(self.zero, self._raster.place)
        if opinion.verdict is Verdict.AGREES and not opinion.assumed:
            self._vouched = self._settled = True
            self.assumption = ""
        elif opinion.verdict is Verdict.DOUBTS:
            self.doubted = True
            return self._say(Label.AMBIGUOUS, at, words.doubted(opinion, self.lags.support()), withdrawn=True)
        return []

    def _say(self, label: Label, at: RawNs, why: str, withdrawn: bool = False) -> list[LabelChange | Rejected]:
        old, self.label, self.why = self.label, label, why
        return [LabelChange(at, old, label, why, withdrawn)] if label is not old else []

    # ---- learning ------------------------------------------------------------------------------------------------------------

    def _learn(self, at: RawNs, lag: float) -> list[LabelChange | Rejected]:
        lags = self.lags
        self._heard += 1
        if not lags:
            if self._prior is None:
                whole = math.floor(lag)
                self.zero -= whole
                lag -= whole
            lags.add(lag)
            self._row = 1
            return []
        if abs(lag - lags.middle()) > NEAR:
            self._row = 0
            self._contrary.append(lag)
            together = self._contrary[-CONTRARY:]
            if len(together) == CONTRARY and max(together) - min(together) < NEAR:
                lags.restart(together)
                self._contrary.clear()
                self._row = CONTRARY
            self._rough = self._rough or self._heard > PATIENT
            if self._row == 0 and self._heard > UNSTEADY:
                return self._say(Label.AMBIGUOUS, at, words.UNSTEADY)
            del self._contrary[:-CONTRARY]
            return [Rejected(at, "pairing", "not-continuous")]
        self._contrary.clear()
        lags.add(lag)
        self._row += 1
        return self._decide(at) if self._row >= (LASTING if self._rough and self._prior is None else AGREED) else []

    def _decide(self, at: RawNs) -> list[LabelChange | Rejected]:
        support = self.lags.support()
        wholes = support.wholes
        ambiguous = Label.AMBIGUOUS
        if len(wholes) > 1:
            if self._row < PATIENT and self.label is Label.NONE:
                return []
            self._rough = True
        # A second source picks between two seconds; and a label that was withdrawn may have been right, and the sentences late.
        # Never one under which bursts come before their pulse: a timer that loses ticks takes the system clock along as a witness.
        asked = [*([] if self._prior is None or support.median < EARLY else [0]), *(wholes if len(wholes) <= 2 else [])]
        picked = (w for w in asked if self._sources.opinion(self.zero - w, self._raster.place).verdict is Verdict.AGREES)
        whole = next(picked, wholes[0] if len(wholes) == 1 else None)
        if whole is None:
            return self._say(ambiguous, at, words.split(support))
        opinion = self._sources.opinion(self.zero - whole, self._raster.place)
        agrees = opinion.verdict is Verdict.AGREES
        if opinion.verdict is Verdict.DOUBTS:
            return self._say(ambiguous, at, words.doubted(opinion, support))
        if opinion.verdict is Verdict.WAITING and self._row < WAIT:
            wait = self.label is Label.NONE and self._row < PATIENT
            return [] if wait else self._say(ambiguous, at, words.waiting(opinion))
        if self._fix.hold_ns > 0 and not agrees:
            return self._say(ambiguous, at, words.leap_unverified(self._fix.hold_ns))
        if self._fix.unspoken and not agrees and self._row < LASTING:
            return []
        kept = agrees or whole in (0, -self._asleep_s)  # the system clock and the sentences agree that the raw clock stood still
        if self._prior is not None and not kept and not may_change(self._prior, support, whole, self._row):
            return self._say(ambiguous, at, words.changed(whole, support))
        early = 0.0 if self._prior is not None and not whole else self._earliest.under(self.zero - whole)
        if (-DOUBT_S if agrees else -math.inf) < early < EARLY and (early > -LEAP_MOST or self._row < LASTING):
            self._rough = True
            return self._say(ambiguous, at, words.late(support, early))
        self.zero -= whole
        self.lags.shift(-whole)
        self._last = support.median - whole
        self.doubted = self.doubted and whole != 0
        self._prior = None
        self._fix.hold_ns = 0
        self._heard = 0
        self._rough, self._asleep_s = False, 0
        self._vouched = agrees
        self._settled = agrees and not opinion.assumed
        self.assumption = "" if self._settled else words.assumed(self._fix.unspoken)
        self._contrary.clear()
        self._early.clear()
        return self._say(Label.OK, at, words.plain(support, whole, opinion, self.corrected_weeks))
