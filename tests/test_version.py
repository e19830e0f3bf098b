"""The version: one number, above that of the library that had the name before."""

from __future__ import annotations

from importlib import metadata

import stackscope


def test_it_is_above_the_library_of_the_same_name():
    parts = tuple(int(part) for part in stackscope.__version__.split(".")[:3])
    assert parts > (0, 2, 2)


def test_the_metadata_agree():
    installed = metadata.version("stackscope")
    assert installed == stackscope.__version__, "install it anew: pip install -e '.[all,test]'"


def test_dir_offers_what_is_public_and_nothing_else():
    offered = {name for name in dir(stackscope) if not name.startswith("__")}
    assert offered == {name for name in stackscope.__all__ if name != "__version__"} | {
        "clock",
        "lowlevel",
    }
    assert all(hasattr(stackscope, name) for name in dir(stackscope))
