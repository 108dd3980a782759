"""``python -m harness.cli``, for when the console script is not on the path."""

from __future__ import annotations

from harness.cli import main

if __name__ == "__main__":
    main()
