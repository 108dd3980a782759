"""``harness doctor``: whether this installation is fit, and what to do where it is not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import click

from harness.cli.checkup import BROKEN, NOTE, OK, PROBLEM, Finding, environment, plugins, self_test
from harness.cli.console import FAILURE_FOUND, HARNESS_FAILED, NOTHING_FOUND, json_option, print_json

_COLOURS = {OK: "green", NOTE: "cyan", PROBLEM: "yellow", BROKEN: "red"}


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Check this installation: versions, pytest plugins, the terminal, the cache, and that equal seeds give equal runs.

    Run it in the folder of your tests: their conftest.py and settings count. Exit codes: 0 fine, 1 a problem was found (each
    with what to try), 3 the harness itself is broken: equal seeds gave different runs.

    \b
    Example:
      harness doctor
    """
    findings = []
    for finding in _findings():
        findings.append(finding)
        if not as_json:
            click.echo(_line(finding))
    worst = BROKEN if any(one.state == BROKEN for one in findings) else PROBLEM
    verdict = worst if any(one.state in (BROKEN, PROBLEM) for one in findings) else OK
    if as_json:
        print_json({"verdict": verdict, "folder": os.getcwd(), "checks": [finding._asdict() for finding in findings]})
    else:
        click.echo(f"\n{_closing(findings, verdict)}")
    return {OK: NOTHING_FOUND, PROBLEM: FAILURE_FOUND, BROKEN: HARNESS_FAILED}[verdict]


def _findings() -> Iterator[Finding]:
    yield from environment()
    yield from plugins()
    yield from self_test()


def _line(finding: Finding) -> str:
    state = click.style(f"{finding.state:<8}", fg=_COLOURS[finding.state])
    lines = [f"{state} {finding.check}: {finding.text}"]
    if finding.advice:
        lines.append(f"{'':9}-> {finding.advice}")
    return "\n".join(lines)


def _closing(findings: list[Finding], verdict: str) -> str:
    if verdict == OK:
        return "All is well."
    if verdict == BROKEN:
        return "The harness itself is broken here; please report it with the output of 'harness doctor --json'."
    count = sum(1 for finding in findings if finding.state == PROBLEM)
    return "1 problem; what to try stands below it." if count == 1 else f"{count} problems; what to try stands below each."
