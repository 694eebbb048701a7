"""What the pairing says to people: why a second has no name yet, is uncertain, or is sure. Delays in ms, remedies named."""

from __future__ import annotations

from gpstime.core.delay import Support
from gpstime.core.fix import FixRule
from gpstime.core.sources import Opinion, Verdict
from gpstime.times import NS, UtcTime

RESTARTED = "The pulses began anew, so the seconds have to be named again."
UNSTEADY = (
    "GPS second label uncertain: the sentences keep no steady delay after the pulse. Refusing to name the second. "
    "Raise the baud rate or send fewer sentences: a burst must end well before the next one."
)
_REMEDY = "Raise the baud rate, send fewer sentences, or give a second source such as a trusted RTC."


def _ms(support: Support) -> str:
    return f"{support.median % 1.0 * 1e3:.0f} ms +/- {support.spread * 1e3:.0f} ms"


def none(
    pulses: bool, fix: FixRule, whole: int, broken: int, not_before: UtcTime | None, undated: bool, heard: int, agreed: int
) -> str:
    """Why there is no label."""
    if not fix.epochs:
        no = "" if pulses else "no pulse and "
        return f"No label: there is {no}no sentence that names a time." + (
            " The receiver does not know the date yet." if fix.void else ""
        )
    if fix.fix is False:
        return "No label: the receiver has no fix."
    if not pulses:
        return "No label: there is no steady pulse to name."
    if not whole and broken:
        return "No label: the sentences name no whole second."
    if heard:
        return f"No label yet: {heard} bursts heard; at least {agreed} in a row have to agree."
    if whole and not_before is not None:
        return f"No label: the dates are not believable (this world does not begin before {not_before.iso()})."
    if not whole:
        return "No label: no sentence says that there is a fix."
    if undated:
        return "No label: the dates are not believable (no receiver was ever right about them)."
    return "No label yet: the pulses are not steady yet."


def split(support: Support) -> str:
    return (
        f"GPS second label uncertain: sentences arrive {_ms(support)} after the pulse, so some come before a pulse and some after "
        f"it. Refusing to name the second. {_REMEDY}"
    )


def doubted(opinion: Opinion, support: Support) -> str:
    return (
        f"GPS second label uncertain: sentences arrive {_ms(support)} after a pulse, but {opinion.by} is {opinion.off_s:+.2f} s "
        f"from the second that they name: either they come a second late (or early), or it is off. Refusing to name the second. "
        f"Set the RTC from a clock that is right, raise the baud rate, or send fewer sentences."
    )


def waiting(opinion: Opinion) -> str:
    return f"GPS second label uncertain: {opinion.by} fits two seconds so far; more readings will tell."


def leap_unverified(hold_ns: int) -> str:
    return (
        "GPS second label uncertain: the receiver started cold, and its leap second count may still be its firmware's "
        f"(2 or 3 s wrong). {-(-hold_ns // NS)} s of fix to go, or a second source such as a trusted RTC."
    )


def withdrawn(support: Support, lags: list[float]) -> str:
    how = "at no steady time" if not lags else f"{sorted(lags)[len(lags) // 2] * 1e3:.0f} ms after its pulse"
    return (
        f"GPS second label uncertain: sentences came {support.median * 1e3:.0f} ms after the pulse that the label gives them, "
        f"and now name another second, as if sent {how}. Refusing to name the second until this is settled."
    )


def slept(step_ns: int) -> str:
    return (
        f"GPS second label uncertain: the system clock jumped forward by {step_ns / NS:.1f} s, as after a sleep of the machine, "
        "in which pulses go uncounted. The label waits for a sentence that fits."
    )


def kept(support: Support) -> str:
    return f"Sentences arrive {support.median * 1e3:.0f} ms +/- {support.spread * 1e3:.0f} ms after their pulse, as before."


def changed(whole: int, support: Support) -> str:
    return (
        f"GPS second label uncertain: sentences have moved by {whole} s against the pulses ({_ms(support)} after one now): they "
        f"may come late, or pulses were miscounted, or a leap second came. Refusing to name the second. {_REMEDY}"
    )


def late(support: Support, early_s: float) -> str:
    return (
        f"GPS second label uncertain: sentences arrive {_ms(support)} after a pulse now, but came {-early_s:.2f} s before that "
        f"pulse earlier in this run, so they are late. Refusing to name the second. {_REMEDY}"
    )


def assumed(unspoken: bool) -> str:
    text = "The label assumes that sentences come less than a second after the pulse whose second they name."
    if unspoken:
        text += " ZDA is taken at its word: no sentence says whether there is a fix."
    return text


def plain(support: Support, whole: int, opinion: Opinion, weeks: int) -> str:
    text = f"Sentences arrive {(support.median - whole) * 1e3:.0f} ms +/- {support.spread * 1e3:.0f} ms after their pulse"
    text += f", and {opinion.by} agrees." if opinion.verdict is Verdict.AGREES else "."
    if opinion.verdict is Verdict.FAR:
        text += f" {opinion.by[0].upper()}{opinion.by[1:]} is {opinion.off_s:+.1f} s off and proves nothing."
    if weeks:
        text += f" The receiver's dates are {weeks} weeks early (GPS week rollover) and were put right."
    return text
