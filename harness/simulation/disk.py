"""A host's disk: it outlives the processes of the host, and forgets what was not synced when the power fails."""

from __future__ import annotations

from typing import Any

from harness.errors import MisuseError


class DiskFailure(OSError):
    """A write that the disk refused, as a process sees it."""


class Disk:
    """Files of one host: path -> content. Content is whatever the writer hands over and must never be changed afterwards."""

    __slots__ = ("_failing_after", "_files", "_synced", "host")

    def __init__(self, host: str) -> None:
        self.host = host
        self._files: dict[str, Any] = {}
        self._synced: dict[str, Any] = {}
        self._failing_after: int | None = None

    def write(self, path: str, content: Any, *, sync: bool = True) -> None:
        """Put ``content`` at ``path``; without ``sync`` a power failure may still lose it.

        Raises:
            DiskFailure: a test has made the writes of this disk fail.
        """
        if self._failing_after is not None:
            if self._failing_after == 0:
                raise DiskFailure(f"{self.host}: write to {path} failed")
            self._failing_after -= 1
        self._files[path] = content
        if sync:
            self._synced[path] = content

    def sync(self) -> None:
        """Make everything written so far survive a power failure."""
        self._synced = dict(self._files)

    def read(self, path: str, default: Any = None) -> Any:
        """The content at ``path``, or ``default``."""
        return self._files.get(path, default)

    def remove(self, path: str) -> bool:
        """Delete a file, or everything below a folder given with a trailing ``/``; False if there was nothing."""
        doomed = self.paths(path) if path.endswith("/") else [path] if path in self._files else []
        for each in doomed:
            self._files.pop(each, None)
            self._synced.pop(each, None)
        return bool(doomed)

    def paths(self, prefix: str = "") -> list[str]:
        """The paths that begin with ``prefix``, in order of their first writing."""
        return [path for path in self._files if path.startswith(prefix)]

    def __contains__(self, path: str) -> bool:
        return path in self._files

    # -- faults -----------------------------------------------------------------------------------------------------

    def fail_writes(self, after: int | None = 0) -> None:
        """Let ``after`` more writes succeed and every later one fail; None mends the disk."""
        if after is not None and (isinstance(after, bool) or not isinstance(after, int) or after < 0):
            raise MisuseError(f"fail_writes(after={after!r}): wanted a whole number of at least 0, or None to mend")
        self._failing_after = after

    def lose_unsynced(self) -> list[str]:
        """Power failure: go back to what was synced; the paths that were lost or went back."""
        lost = [path for path, content in self._files.items() if self._synced.get(path, lost_mark) is not content]
        self._files = dict(self._synced)
        return lost

    def corrupt(self, path: str) -> None:
        """Make the file unreadable: its content becomes a :class:`Corrupt` mark.

        Raises:
            MisuseError: there is no such file.
        """
        if path not in self._files:
            raise MisuseError(f"corrupt({path!r}): {self.host} has no such file; it has: {', '.join(self._files) or 'none'}")
        self._files[path] = self._synced[path] = Corrupt(path)


class Corrupt:
    """What is read from a corrupted file."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __str__(self) -> str:
        return f"<corrupt {self.path}>"


lost_mark = Corrupt("")
