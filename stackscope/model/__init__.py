"""Private. What an extraction and a snapshot give: plain data."""

from __future__ import annotations
