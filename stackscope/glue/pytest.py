"""pytest: what is between its start and a test is machinery."""

from __future__ import annotations

from stackscope.snapshot.user_code import register_machinery

PACKAGES = ("_pytest", "pluggy", "pytest")


def install() -> None:
    """Register the packages. The modules of plugins are registered by their own glue."""
    for package in PACKAGES:
        register_machinery(f"{package}.*")
