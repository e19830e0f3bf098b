"""Compares what `stackscope` says of code objects with syntax trees and instructions."""

from __future__ import annotations

import ast
import random
import sysconfig
import types
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from stackscope.interpreter.bytecode import analyze
from stackscope.lowlevel import analyze_with_blocks

from .exits import EXITS_HAVE_LINES, ExitCall, exit_calls
from .expected import UNSURE, Item, Key, scopes_of


@dataclass
class Figures:
    """Counts over a sweep, and descriptions of all that was wrong."""

    files: int = 0
    skipped_files: int = 0
    code_objects: int = 0
    blocks: int = 0
    left_out: int = 0
    ambiguous: int = 0
    normal_exits: int = 0
    exceptional_exits: int = 0
    unreachable_exits: int = 0
    wrong: List[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"files {self.files} (not compilable {self.skipped_files}), "
            f"code objects {self.code_objects}, with blocks {self.blocks}, "
            f"left out by the compiler {self.left_out}, "
            f"normal exit calls {self.normal_exits}, on exception {self.exceptional_exits}, "
            f"unreachable {self.unreachable_exits}, scopes that look alike {self.ambiguous}, "
            f"wrong {len(self.wrong)}"
        )


def standard_library() -> List[Path]:
    """All modules of the standard library, its tests included, in a fixed order."""
    root = Path(sysconfig.get_path("stdlib"))
    return sorted(p for p in root.rglob("*.py") if "site-packages" not in p.parts)


def sample(seed: int) -> List[Path]:
    """The same modules in an order that depends on the seed."""
    paths = standard_library()
    random.Random(seed).shuffle(paths)
    return paths


def sweep_file(path: Path, figures: Figures) -> None:
    """Compare all code objects of one file."""
    try:
        source = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            code = compile(source, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        figures.skipped_files += 1
        return
    figures.files += 1
    scopes = scopes_of(tree)
    for part in nested_code(code):
        sweep_code(part, scopes, f"{path}:{part.co_firstlineno} {part.co_name}", figures)


def nested_code(code: types.CodeType) -> Iterator[types.CodeType]:
    """A code object and all within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from nested_code(constant)


def sweep_code(
    code: types.CodeType, scopes: Dict[Key, List[List[Item]]], where: str, figures: Figures
) -> None:
    """Compare one code object."""
    figures.code_objects += 1
    name = code.co_name
    key = Key(name, 1 if name == "<module>" else code.co_firstlineno)
    candidates = scopes.get(key, [])
    try:
        contexts = list(analyze_with_blocks(code).values())
        analysis = analyze(code)
    except Exception as exc:
        figures.wrong.append(f"{where}: {type(exc).__name__}: {exc}")
        return
    if len(candidates) > 1:
        figures.ambiguous += 1
        return
    items = candidates[0] if candidates else []
    figures.blocks += len(contexts)
    if len(contexts) != len(analysis.blocks):
        figures.wrong.append(f"{where}: {len(contexts)} and {len(analysis.blocks)} blocks")
    for problem in compare_blocks(items, contexts, figures):
        figures.wrong.append(f"{where}: {problem}")
    for problem in compare_exits(code, items, analysis, figures):
        figures.wrong.append(f"{where}: {problem}")


def compare_blocks(items: List[Item], contexts: List[Any], figures: Figures) -> Iterator[str]:
    """Match the blocks found with the items of the syntax tree.

    Yields:
        A description of each item that wasn't found and of each block that isn't there.
    """
    found = Counter((c.start_line, c.is_async, c.varname) for c in contexts)
    wanted: Dict[Tuple[int, bool, Any], List[Item]] = {}
    for item in items:
        name = item.varname
        if name is UNSURE:
            same = (key for key in found if key[:2] == (item.line, item.is_async))
            name = next(same, (0, False, None))[2]
        wanted.setdefault((item.line, item.is_async, name), []).append(item)
    for key, alike in wanted.items():
        count = found.pop(key, 0)
        least = sum(not item.maybe_dead for item in alike)
        figures.left_out += max(0, len(alike) - count)
        if count < least or (count > len(alike) and not any(item.copied for item in alike)):
            yield f"{count} blocks for {len(alike)} items {key}"
    for key, count in found.items():
        yield f"{count} blocks {key} that the source doesn't have"


def compare_exits(
    code: types.CodeType, items: List[Item], analysis: Any, figures: Figures
) -> Iterator[str]:
    """Check that every call of an exit method is known as one, of a block that may be meant.

    Yields:
        A description of each call that isn't.
    """
    for call in exit_calls(code):
        if call.on_exception:
            figures.exceptional_exits += 1
        else:
            figures.normal_exits += 1
        sites = analysis.at(call.offset)
        if not sites:
            figures.unreachable_exits += 1
            continue
        for site in sites:
            if site.exiting is None:
                yield f"the exit call at {call.offset} (line {call.line}) has no block"
            elif not _may_be_of(call, site.exiting.block, items):
                yield (
                    f"the exit call at {call.offset} (line {call.line}) has the block of line "
                    f"{site.exiting.block.start_line}"
                )


def _may_be_of(call: ExitCall, block: Any, items: List[Item]) -> bool:
    # Exits have the line of the statement from 3.10 on, of the item from 3.12 on.
    if call.line is None or not EXITS_HAVE_LINES:
        return True
    return any(
        item.line == block.start_line and item.line <= call.line <= item.end_line
        for item in items
    )
