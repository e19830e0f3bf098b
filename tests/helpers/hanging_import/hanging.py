"""A module that is never done with its import. See tests/helpers/dumping.py."""

from __future__ import annotations

import __main__

__main__.hang()
