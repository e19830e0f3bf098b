"""How Sphinx builds this documentation: `nox -s docs`."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "stackscope"
author = "The stackscope authors"
copyright = author
release = metadata.version("stackscope")
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "debugger_commands",
    "sessions",
    "stackscope_options",
]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_title = f"stackscope {release}"
exclude_patterns = ["_build", "_ext", "_static"]
highlight_language = "session"
# Buttons copy what is typed, without the prompts before it.
copybutton_prompt_text = r"\$ |>>> |\(stackscope_pdb[^)]*\) |In \[\d+\]: |ipdb[^>]*> "
copybutton_prompt_is_regexp = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# What the examples in docstrings take for granted.
doctest_global_setup = """
import dis, sys
import stackscope
from stackscope import *
from stackscope.lowlevel import *
"""
