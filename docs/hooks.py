"""What the site needs beyond its settings: references in docstrings, written for Sphinx, as plain names."""

from __future__ import annotations

import re
from typing import Any

_ROLE = re.compile(r":(?:class|func|meth|mod|attr|exc|data|obj|data):<code>(~?)([^<]*)</code>")


def on_page_content(html: str, **_: Any) -> str:
    """Every ``:class:`~package.Name``` of a rendered page becomes ``Name``, without the tilde the whole path."""
    return _ROLE.sub(lambda found: f"<code>{found[2].rpartition('.')[2] if found[1] else found[2]}</code>", html)
