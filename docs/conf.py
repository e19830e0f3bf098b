"""How Sphinx builds this documentation: `nox -s docs`."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

from sphinx.pycode import ModuleAnalyzer

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
    "sphinxcontrib.towncrier",
    "debugger_commands",
    "sessions",
    "stackscope_options",
]
towncrier_draft_autoversion_mode = "draft"
towncrier_draft_include_empty = False
towncrier_draft_working_directory = Path(__file__).parent.parent
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_title = f"stackscope {release}"
exclude_patterns = ["_build", "_ext", "_static"]
highlight_language = "session"
# In docstrings `extract` is a link, if the reference describes it.
default_role = "py:obj"
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
import stackscope, stackscope_pdb
from stackscope import *
from stackscope.lowlevel import *
"""


def plain_text(_app, what, name, _obj, _options, lines):
    """Make of a docstring, which `help()` shows as it is, what Sphinx needs."""
    if what == "data":  # a constant has the docstring of its type; below it stands what it is
        lines[:] = text_below(name.rpartition(".")[2])
    text = "\n".join(lines)
    # The pages that it names become links.
    lines[:] = re.sub(r'page\s+"(\w+)"', r"page :doc:`\1`", text).split("\n")


def text_below(constant):
    """The text below the definition of a constant, wherever in the library that is."""
    for module in [name for name in sys.modules if name.partition(".")[0] == "stackscope"]:
        found = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", constant))
        if found:
            return found
    raise LookupError(f"There is no text below {constant}.")


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", plain_text)
