"""Private. Reading and writing objects of the program under inspection without running its code."""

from __future__ import annotations
