"""The texts of failed expectations: the verdict first, then what was declared, what came, and what happened around it.

Plain text of at most 60 lines, to be read by somebody who did not write the test: times are virtual times since the run began,
and of the arguments only those are shown that tell the calls apart.
"""

from __future__ import annotations

import linecache
import os
import re
from collections.abc import Sequence

from harness.doubles.calls import Call
from harness.doubles.cardinality import times
from harness.doubles.differences import brief_value, differences, key_words
from harness.doubles.expectation import Expectation
from harness.doubles.signatures import MethodSpec
from harness.doubles.story import story_between, story_until
from harness.simulation import World
from harness.simulation.trace import SHORT_IDS, moment, shorten

_CALLS_SHOWN = 6
_REASONS_SHOWN = 8
_WIDTH = 150
_SHORT = re.compile(r"\b[0-9a-f]{8}…")


def oversaturated(expectation: Expectation, calls: Sequence[Call], world: World | None, end: int) -> str:
    """One call too many: what was declared, every call with what tells them apart, and the trace between them.

    Args:
        expectation: what was declared.
        calls: the calls that match it, the one too many last.
        world: whose trace to tell from.
        end: how many records the trace had at the last call; what came later is no part of the story.
    """
    call = calls[-1]
    subject = _subject(expectation)
    lines = [
        f"{subject} was called {times(len(calls))}, expected {expectation.wanted}",
        "",
        *_declaration(expectation),
        f"  got       {len(calls)} {'calls' if len(calls) > 1 else 'call'}, the last is one too many",
        "",
        *_call_table(calls, surplus=call),
        *_others(expectation, call),
    ]
    words = key_words(calls)
    if len(calls) > 1:
        lines += story_between(world, calls[0].time.ns, call.time.ns, words, "what happened from the first call to the last", end)
    else:
        lines += story_until(world, call.time.ns, words, "what led to the call", end=end)
    lines += ["", *_advice(expectation)]
    return _fold(lines)


def unmet(expectation: Expectation, world: World | None) -> str:
    """Too few calls: what was declared, what came, and why each near miss did not match."""
    subject = _subject(expectation)
    if expectation.missing:
        came = f"{times(expectation.count)} but not for {_and(expectation.missing)}" if expectation.count else "never called"
        verdict = f"{subject} was called {came}" if expectation.count else f"{subject} was {came}"
    else:
        verdict = f"{subject} was {'called ' + times(expectation.count) if expectation.count else 'never called'}"
    lines = [f"{verdict}, expected {expectation.wanted}", "", *_declaration(expectation)]
    lines.append(f"  got       {_came(expectation)}" + (f"; missing: {_and(expectation.missing)}" if expectation.missing else ""))
    lines.append("")
    if expectation.calls:
        lines += _call_table(expectation.calls)
    lines += _near_misses(expectation)
    lines += _others(expectation)
    until = world.clock.elapsed.ns if world is not None else 0
    lines += story_until(world, until, expectation.missing, _until(world), whole=False)
    return _fold(lines)


def _until(world: World | None) -> str:
    return "what happened until now" if world is None or world.trace.over is None else "what happened until the test ended"


def unexpected(call: Call, spec: MethodSpec, expectations: Sequence[Expectation], world: World | None) -> str:
    """A call that a strict double did not want: every expectation that was asked, newest first, with why it did not match."""
    lines = [
        f"{spec.label} was called in a way that no expectation of this strict double matches",
        "",
        f"  call      {_line_of(call)}",
    ]
    for expectation in list(reversed(expectations))[:_REASONS_SHOWN]:
        lines += ["", *_declaration(expectation), f"  not it    {expectation.why_not(call)}"]
    lines += ["", *story_until(world, call.time.ns, key_words([call]), "what led to the call")]
    lines += [
        "",
        f"next: declare it, for example double.expect.{spec.name}(...).any_number(), or build the double without strict=True",
    ]
    return _fold(lines)


def pending(expectation: Expectation) -> str:
    """An expectation that is still waited for, in a line or two."""
    where = f"{os.path.basename(expectation.declared[0])}:{expectation.declared[1]}"
    lines = [f"{_subject(expectation)}: wanted {expectation.wanted}, got {_came(expectation)} (declared at {where})"]
    if expectation.missing:
        lines[0] += f"; missing: {_and(expectation.missing)}"
    if expectation.near_misses:
        call, reason = expectation.near_misses[-1]
        more = f", the last of {len(expectation.near_misses)}" if len(expectation.near_misses) > 1 else ""
        lines.append(f"  near miss at {moment(call.time)}{more}: {_cut(reason)}")
    return "\n".join(lines)


# -- parts ------------------------------------------------------------------------------------------------------------------


def _subject(expectation: Expectation) -> str:
    label = expectation.spec.label
    return f"{label} with {expectation.arguments}" if expectation.arguments else label


def _declaration(expectation: Expectation) -> list[str]:
    filename, number = expectation.declared
    source = linecache.getline(filename, number).strip()
    lines = [f"  declared  {_short(filename)}:{number}"]
    if source:
        lines.append(f"            {_cut(source)}")
    lines.append(f"  wanted    {expectation.wanted}" + (f", with {expectation.arguments}" if expectation.arguments else ""))
    return lines


def _short(filename: str) -> str:
    relative = os.path.relpath(filename) if os.path.isabs(filename) else filename
    return filename if relative.startswith("..") else relative


def _call_table(calls: Sequence[Call], surplus: Call | None = None) -> list[str]:
    different, same = differences([call.args for call in calls])
    shown = [*range(len(calls))]
    if len(shown) > _CALLS_SHOWN:
        shown = [*shown[: _CALLS_SHOWN // 2], *shown[-_CALLS_SHOWN // 2 :]]
    lines = ["the calls, with what tells them apart:" if len(calls) > 1 and different else "the calls:"]
    before = -1
    for position in shown:
        if position != before + 1:
            lines.append(f"       ... {position - before - 1} more ...")
        before = position
        call = calls[position]
        told = "  ".join(f"{path}={value}" for path, value in different[position]) if len(calls) > 1 else ""
        mark = "   <-- one too many" if call is surplus else ""
        lines.append(_cut(f"  {position + 1:>2}. at {moment(call.time):<13} {told}".rstrip()) + mark)
    if same:
        lines.append(
            _cut(f"  the same in all: {', '.join(same)}" if len(calls) > 1 else f"      with {', '.join(same)}", 2 * _WIDTH)
        )
    return [*lines, ""]


def _line_of(call: Call) -> str:
    return _cut(f"at {moment(call.time)}: " + ", ".join(f"{name}={brief_value(value, 40)}" for name, value in call.args.items()))


def _near_misses(expectation: Expectation) -> list[str]:
    misses = expectation.near_misses
    if not misses:
        came = [call for call in expectation.calls_of_method() if call not in expectation.calls]
        if not came and not expectation.calls:
            return [f"no call of {expectation.spec.name} came at all since it was declared", *_too_late(expectation), ""]
        return []
    lines = [f"near misses ({len(misses)} calls that matched no expectation of this method):"]
    for call, reason in misses[:_REASONS_SHOWN]:
        lines.append(_cut(f"  at {moment(call.time):<13} {reason}"))
    if len(misses) > _REASONS_SHOWN:
        lines.append(f"  ... and {len(misses) - _REASONS_SHOWN} more")
    return [*lines, ""]


def _too_late(expectation: Expectation) -> list[str]:
    before = expectation.calls_before()
    if not before:
        return []
    how_many = f"{len(before)} came before that, the last" if len(before) > 1 else "one came before that,"
    return [_cut(f"  {how_many} {_line_of(before[-1])}"), "  next: declare it before whatever causes the call is started"]


def _others(expectation: Expectation, surplus: Call | None = None) -> list[str]:
    """Calls of the method that other expectations took."""
    mine = [*expectation.calls, surplus]
    missed = [call for call, _ in expectation.near_misses]
    others = [call for call in expectation.calls_of_method() if call not in mine and call not in missed and call.error is None]
    if not others:
        return []
    first = others[0]
    plural = "calls" if len(others) > 1 else "call"
    return [
        f"{len(others)} other {plural} of {expectation.spec.name} went to other expectations, the first {_line_of(first)}",
        "",
    ]


def _advice(expectation: Expectation) -> list[str]:
    if expectation.high == 0:
        return ["next: find out above who calls it; if it may come, drop never()"]
    return [
        "next: if more calls are legitimate (retries, re-registrations), write .at_least_once(), or say what later ones do:",
        "      .will_once(forward()).will_repeatedly(ignore()); if not, the story above is the bug",
    ]


def _came(expectation: Expectation) -> str:
    count = expectation.count
    return "no call" if not count else f"{count} {'calls' if count > 1 else 'call'}"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _cut(text: str, width: int = _WIDTH) -> str:
    text = shorten(text)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _fold(lines: list[str]) -> str:
    folded: list[str] = []
    for line in lines:
        if line or (folded and folded[-1]):
            folded.append(shorten(line))
    while folded and not folded[-1]:
        folded.pop()
    if any(_SHORT.search(line) for line in folded):
        folded += ["", SHORT_IDS]
    return "\n".join(folded)


__all__ = ["oversaturated", "pending", "unexpected", "unmet"]
