"""``python -m stackscope_pdb``: see `stackscope_pdb.entry.cli`."""

from __future__ import annotations

# Nothing else may stand here: the program to debug becomes __main__, and this namespace is emptied
# for it.
try:
    from stackscope_pdb.entry.cli import main
except KeyboardInterrupt:
    raise SystemExit(130) from None

if __name__ == "__main__":
    main()
