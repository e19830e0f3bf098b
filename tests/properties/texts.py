"""Texts of all characters, hard ones more often."""

from __future__ import annotations

import sys

from hypothesis import strategies as st

HARD = [
    *"a'\"\\&<>*|: \t\n\r\x00\x1b\x7f",
    *"éßİ",
    "客",
    "\u0301",
    "\u200d",
    "👩",
    "\ud800",
    "\ufeff",
]
"""Quotes, what is wide, what takes no column, what moves the cursor, and what is no text at all."""

CHARACTERS = st.sampled_from(HARD) | st.integers(0, sys.maxunicode).map(chr)


def texts(most=6):
    """Texts of at most so many characters."""
    return st.lists(CHARACTERS, max_size=most).map("".join)
