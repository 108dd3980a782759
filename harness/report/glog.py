"""The log of a finished run in the manner of glog; the same lines as ``cluster.log``, from a document."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.document import RunDocument
from harness.report.log_lines import ERROR, headline, is_logged, line, severity_of, text_of


def glog(document: RunDocument) -> Iterator[str]:
    """The log of a finished run: what ``cluster.log`` held, and where the test failed one line of the process ``test``.

    Of a run whose test failed, what follows that line is the clean-up.
    """
    records = document.records
    broken = None
    if document.error is not None:
        before = [one for one in records if not document.aborted or document.over is None or one.step < document.over]
        time_ns = before[-1].time_ns if before else 0
        broken = line(time_ns, ERROR, "test", text_of("", headline(document.error), ""))
    for record in records:
        if broken is not None and document.aborted and document.over is not None and record.step >= document.over:
            yield broken
            broken = None
        if is_logged(record.kind):
            text = text_of(record.kind, record.text, record.source)
            yield line(record.time_ns, severity_of(record.kind, record.text), record.process, text)
    if broken is not None:
        yield broken
