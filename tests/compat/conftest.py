"""The suite in ``suite/`` is a project of somebody else's: run by the matrix, each time under other releases and plugins."""

from __future__ import annotations

collect_ignore = ["suite"]
