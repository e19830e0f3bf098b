"""``python -m stackscope``: see `stackscope.command_line`."""

from __future__ import annotations

from stackscope.command_line.main import main

if __name__ == "__main__":
    main()
