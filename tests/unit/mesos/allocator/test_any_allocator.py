"""The tests that hold for every allocator, as the example shows them."""

from __future__ import annotations

from examples.test_custom_allocator import *  # noqa: F403 - the tests themselves live with the example
