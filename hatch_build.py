"""Builds the package's page: what its links lead to depends on where the repository is.

The repository doesn't know that. Whoever publishes it says so by ``STACKSCOPE_REPOSITORY``, such as
``https://github.com/OWNER/NAME``. Without that, the links of the README that lead into the
repository are left out of the page, since they would lead nowhere there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

REPOSITORY = "STACKSCOPE_REPOSITORY"
"""The variable with the address of the repository, without a slash at its end."""

PICTURE = re.compile(r"^!\[([^]]*)\]\((?!https?:)([^)]+)\)\n\n", re.MULTILINE)
LINK = re.compile(r"\[([^]]+)\]\((?!https?:)([^)]+)\)")


def page(readme: str, repository: str, version: str) -> str:
    """The README as it is shown outside of the repository.

    Args:
        readme: Its text, in Markdown.
        repository: The address of the repository; empty if that is unknown.
        version: The version, whose tag the links lead to.
    """
    if not repository:
        return LINK.sub(r"\1", PICTURE.sub("", readme))
    readme = PICTURE.sub(rf"![\1]({repository}/raw/v{version}/\2)\n\n", readme)
    return LINK.sub(rf"[\1]({repository}/blob/v{version}/\2)", readme)


def addresses(repository: str, version: str) -> dict[str, str]:
    """The addresses that are shown beside the page."""
    if not repository:
        return {}
    tree = f"{repository}/blob/v{version}"
    return {
        "Source": repository,
        "Issues": f"{repository}/issues",
        "Documentation": f"{tree}/docs/index.rst",
    }


class PageHook(MetadataHookInterface):
    """Tells the build about the page and the addresses."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in what ``pyproject.toml`` calls dynamic."""
        root = Path(self.root)
        source = (root / "stackscope" / "__init__.py").read_text(encoding="utf-8")
        found = re.search(r'^__version__ = "([^"]+)"', source, re.MULTILINE)
        version = found[1] if found else ""
        repository = os.environ.get(REPOSITORY, "").rstrip("/")
        text = page((root / "README.md").read_text(encoding="utf-8"), repository, version)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = addresses(repository, version)
