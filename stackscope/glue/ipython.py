"""IPython and Jupyter: all that runs what is typed into them is machinery."""

from __future__ import annotations

from stackscope.snapshot.user_code import register_machinery

PACKAGES = ("IPython", "ipdb", "ipykernel", "tornado", "traitlets")


def install() -> None:
    """Register the packages."""
    for package in PACKAGES:
        register_machinery(f"{package}.*")
