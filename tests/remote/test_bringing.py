"""The sources that are sent to a process."""

from __future__ import annotations

import ast
import re

from stackscope.remote.bringing import bundle
from tests.helpers.rows import IN_TURN


def test_the_name_is_made_of_what_is_in_them():
    assert re.fullmatch(r"_stackscope_[0-9a-f]{16}", bundle().name)
    assert bundle() is bundle()


@IN_TURN
def test_nothing_in_them_imports_the_package_of_our_name():
    sources = bundle().sources
    assert f"{bundle().name}.remote.target" in sources
    assert f"{bundle().name}.command_line.main" not in sources
    for is_package, _, source in sources.values():
        assert isinstance(is_package, bool)
        for node in ast.walk(ast.parse(source)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            assert not [name for name in names if name.split(".")[0] == "stackscope"]


def test_the_version_of_the_schema_stays():
    assert '"stackscope/1"' in bundle().sources[f"{bundle().name}.render.schema"][2]


def test_what_is_brought_answers_as_what_is_there():
    """It runs under another name in the process, where it keeps what finds our modules."""
    from stackscope.answering import serving
    from stackscope.remote import target

    assert target.serve is serving.serve
    assert target.finder is None
