"""pytest: what is between its start and a test is machinery."""

from __future__ import annotations

from stackscope.snapshot.user_code import register_machinery

MODULES = (
    "_pytest.config",
    "_pytest.debugging",
    "_pytest.fixtures",
    "_pytest.main",
    "_pytest.python",
    "_pytest.runner",
    "_pytest.unittest",
    "pluggy._caller",
    "pluggy._callers",
    "pluggy._hooks",
    "pluggy._manager",
)


def install() -> None:
    """Register the modules. Those of plugins are registered by their own glue."""
    for module in MODULES:
        register_machinery(module)
