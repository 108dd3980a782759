"""An exploration on file: what each chunk of seeds gave, written as soon as it is known, so that an interruption loses no more
than what was under way.

A file of JSON lines. The first says what is explored, each other one tells of a chunk, in the order of the seeds. A last line
that was cut off is dropped. Every line is flushed and synced before the next chunk counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from harness.errors import MisuseError
from harness.explore.parallel import Chunk

VERSION = 1
_WAY_OUT = "give it a file of its own, or delete this one to begin anew"


class Campaign:
    """Results of chunks, from earlier sessions and of this one. A context manager that closes the file.

    Args:
        path: the file; made if it is not there.
        purpose: what is explored and how (test, strategy, release, ...), as plain data; the file must be of the same.

    Attributes:
        seconds: what the chunks on file took.

    Raises:
        MisuseError: the file is of another purpose or another format, is no such file, or cannot be written.
    """

    def __init__(self, path: str | Path, purpose: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.seconds = 0.0
        self._stored: list[tuple[int, int, int, Chunk]] = []
        try:
            whole = self._read(dict(purpose)) if self.path.exists() else 0
            self._file: IO[bytes] = open(self.path, "r+b" if whole else "wb")  # noqa: SIM115 (it stays open)
        except OSError as error:
            raise MisuseError(f"resume={str(path)!r} cannot be read and written: {error.strerror or error}") from None
        # What follows the last whole line is the end of a session that was cut off.
        self._file.truncate(whole)
        self._file.seek(whole)
        if not whole:
            self._write({"campaign": VERSION, **purpose})

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def stored(self, seeds: Sequence[int]) -> Iterator[tuple[Sequence[int], Chunk]]:
        """The chunks on file, each with its seeds.

        Args:
            seeds: what is to be explored now; it may go on behind what was explored then.

        Raises:
            MisuseError: these are not the seeds of then.
        """
        at = 0
        for first, last, count, chunk in self._stored:
            part = seeds[at : at + count]
            if len(part) != count or part[0] != first or part[-1] != last:
                now = f"{part[0]}..{part[-1]} ({len(part)})" if part else "none"
                raise MisuseError(
                    f"{self.path} goes on with the seeds {first}..{last} ({count} of them), this exploration with {now};"
                    f" {_WAY_OUT}"
                )
            at += count
            yield part, chunk

    def add(self, seeds: Sequence[int], chunk: Chunk, seconds: float) -> None:
        """Write down what one more chunk gave, and how much real time it took."""
        self._write(
            {
                "seeds": [seeds[0], seeds[-1], len(seeds)],
                "runs": chunk.runs,
                "steps": chunk.steps,
                "failed": list(chunk.failed),
                "classes": dict(chunk.classes),
                "seconds": round(seconds, 6),
            }
        )

    def _write(self, content: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(content, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _read(self, purpose: dict[str, Any]) -> int:
        content = self.path.read_bytes()
        lines = content.split(b"\n")
        # Behind the last line end there is nothing, or what was cut off.
        lines.pop()
        if not lines:
            if content:
                raise MisuseError(f"{self.path} is no campaign of explore(resume=...); {_WAY_OUT}")
            return 0
        self._check(lines[0], purpose)
        for number, line in enumerate(lines[1:], 2):
            try:
                entry = json.loads(line)
                chunk = Chunk(entry["runs"], entry["steps"], tuple(entry["failed"]), tuple(entry["classes"].items()))
                first, last, count = entry["seeds"]
                self.seconds += entry["seconds"]
            except (ValueError, TypeError, KeyError, AttributeError):
                raise MisuseError(f"{self.path}:{number} is damaged; {_WAY_OUT}") from None
            self._stored.append((first, last, count, chunk))
        return sum(len(line) + 1 for line in lines)

    def _check(self, line: bytes, purpose: dict[str, Any]) -> None:
        try:
            header = json.loads(line)
            version = header.pop("campaign")
        except (ValueError, KeyError, AttributeError, TypeError):
            raise MisuseError(f"{self.path} is no campaign of explore(resume=...); {_WAY_OUT}") from None
        if version != VERSION:
            raise MisuseError(f"{self.path} has the format {version!r}, this release reads {VERSION}; {_WAY_OUT}")
        wanted = json.loads(json.dumps(purpose))
        for name in sorted({*header, *wanted}):
            if header.get(name) != wanted.get(name):
                raise MisuseError(
                    f"{self.path} is of another exploration: its {name} is {header.get(name)!r}, now it is {wanted.get(name)!r};"
                    f" {_WAY_OUT}"
                )
