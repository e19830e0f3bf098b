"""Who waits for whom, in the languages of Graphviz and Mermaid."""

from __future__ import annotations

from itertools import islice

from stackscope.model.saved import type_name_of
from stackscope.render.words import count, node_title
from stackscope.snapshot.user_code import innermost_user_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Tuple

    from stackscope.model.diagnosis import Diagnosis, Edge
    from stackscope.model.snapshot import Node

__all__ = ["dot_of", "mermaid_of"]

MOST_EDGES = 500
"""The most edges that are drawn, those of what is stuck first: nobody can read more."""

LONGEST = 60
"""Characters of a name that are shown."""


def dot_of(diagnosis: Diagnosis) -> str:
    """See `Diagnosis.to_dot`."""
    names, stuck, edges, left = _parts(diagnosis)
    lines = ["digraph waits {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
    for node, name in names:
        color = ', color="#c00000", penwidth=2' if id(node) in stuck else ""
        lines.append(f'  {name} [label="{_label(node, chr(92) + "n")}"{color}];')
    for edge, source, target in edges:
        style = [f'label="{_what(edge)}"'] if _what(edge) else []
        style += [] if edge.certain else ["style=dashed"]
        style += [] if edge.needs_all else ['arrowhead="onormal"']
        lines.append(f"  {source} -> {target}{f' [{chr(44).join(style)}]' if style else ''};")
    if left:
        lines.append(f'  more [label="{count(left, "more edge")}", shape=plaintext];')
    return "\n".join([*lines, "}", ""])


def mermaid_of(diagnosis: Diagnosis) -> str:
    """See `Diagnosis.to_mermaid`."""
    names, stuck, edges, left = _parts(diagnosis)
    lines = ["flowchart LR"]
    lines += [f'  {name}["{_label(node, "<br>")}"]' for node, name in names]
    for edge, source, target in edges:
        arrow = "-->" if edge.certain else "-.->"
        what = f'|"{_what(edge)}"|' if _what(edge) else ""
        lines.append(f"  {source} {arrow}{what} {target}")
    if left:
        lines.append(f'  more["{count(left, "more edge")}"]')
    hearts = [name for node, name in names if id(node) in stuck]
    if hearts:
        lines.append("  classDef stuck stroke:#c00000,stroke-width:2px")
        lines.append(f"  class {','.join(hearts)} stuck")
    return "\n".join([*lines, ""])


def _parts(
    diagnosis: Diagnosis,
) -> Tuple[List[Tuple[Node, str]], Dict[int, Node], List[Tuple[Edge, str, str]], int]:
    """The nodes and their names, those at the hearts of findings, the edges, and how many more."""
    stuck = {id(node): node for finding in diagnosis.findings for node in finding.nodes}
    every = sorted(diagnosis.graph.edges, key=lambda edge: id(edge.node) not in stuck)
    pairs = ((edge, target) for edge in every for target in edge.targets)
    shown = list(islice(pairs, MOST_EDGES))
    known = dict(_named([*stuck.values(), *[one for e, t in shown for one in (e.node, t)]]))
    edges = [(edge, known[id(edge.node)][1], known[id(one)][1]) for edge, one in shown]
    return list(known.values()), stuck, edges, sum(len(edge.targets) for edge in every) - len(shown)


def _named(nodes: List[Node]) -> Iterator[Tuple[int, Tuple[Node, str]]]:
    unique = {id(node): node for node in nodes}
    for index, node in enumerate(unique.values()):
        yield id(node), (node, f"n{index}")


def _label(node: Node, newline: str) -> str:
    """What a node is called, and where it stands."""
    frame = innermost_user_frame(node.stack)
    place = f"{newline}{_escaped(frame.funcname)}:{frame.lineno}" if frame is not None else ""
    return _escaped(node_title(node)) + place


def _what(edge: Edge) -> str:
    """What is waited for."""
    if edge.obj is None:
        return "" if edge.needs_all else "any"
    return _escaped(type_name_of(edge.obj))


def _escaped(text: str) -> str:
    """A name in double quotes of either language: what means something there is replaced."""
    shown = "".join(
        [one if one.isalnum() or one in " _-.,:/()" else f"#{ord(one)};" for one in text[:LONGEST]]
    )
    return shown if len(text) <= LONGEST else f"{shown}..."
