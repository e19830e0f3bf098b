"""The documented names of the library that had this name before, with their parameters."""

from __future__ import annotations

import inspect

import pytest

import stackscope
import stackscope.lowlevel

SIGNATURES = """
Context(obj, is_async, is_exiting=False, varname=None, start_line=None, description=None,
inner_stack=None, children=(), hide=False)
Frame(pyframe, lineno=-1, origin=None, contexts=(), hide=False, hide_line=False)
Frame.as_stdlib_summary(self, *, capture_locals=False)
Frame.as_stdlib_summary_with_contexts(self, *, show_hidden_frames=False, capture_locals=False)
Stack(root, frames, leaf=None, error=None)
Stack.as_stdlib_summary(self, *, show_contexts=False, show_hidden_frames=False,
capture_locals=False)
Stack.format_flat(self, *, show_contexts=False)
StackSlice(outer=None, inner=None, limit=None)
customize(target=None, *inner_names, hide=False, hide_line=False, prune=False, elaborate=None)
elaborate_context(manager, context)
elaborate_frame(frame, next_inner)
extract(stackitem, *, with_contexts=True, recurse_child_tasks=False)
extract_child(stackitem, *, for_task)
extract_outermost(stackitem, *, with_contexts=True, recurse_child_tasks=False)
extract_since(outer_frame, *, with_contexts=True, recurse_child_tasks=False)
extract_until(inner_frame, *, limit=None, with_contexts=True, recurse_child_tasks=False)
fill_context(context)
lowlevel.ExitingContext(is_async, cleanup_offset)
lowlevel.FrameDetails(blocks=<factory>, stack=<factory>)
lowlevel.IdentityDict(items=())
lowlevel.analyze_with_blocks(code)
lowlevel.code_dispatch(code_from_arg)
lowlevel.contexts_active_in_frame(frame, origin=None, next_inner=None)
lowlevel.currently_exiting_context(frame)
lowlevel.describe_assignment_target(insns, start_idx)
lowlevel.get_code(thing, *nested_names)
lowlevel.inspect_frame(frame)
lowlevel.set_trickery_enabled(enabled)
unwrap_context(manager, context)
unwrap_context_generator(frame, context)
unwrap_stackitem(item)
yields_frames(fn)
"""
"""What `inspect.signature` says in 0.2.2, tried on CPython 3.12, without annotations."""

RENAMED = {
    "lowlevel.IdentityDict": ["pairs"],
    "lowlevel.describe_assignment_target": ["instructions", "start_index"],
    "yields_frames": ["function"],
}
"""Parameters with other names here, as ``docs/coming_from_0_2_2.rst`` says."""


def entries():
    joined = SIGNATURES.strip().replace("\n", " ").replace(") ", ")\n")
    return [line.partition("(")[::2] for line in joined.splitlines()]


def without_annotations(signature):
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=signature.empty)


@pytest.mark.parametrize(("name", "parameters"), entries())
def test_signature(name, parameters):
    found = stackscope
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    signature = without_annotations(inspect.signature(found))
    if name in RENAMED:
        assert list(signature.parameters) == RENAMED[name]
        assert len(parameters.split(",")) == len(RENAMED[name])
    else:
        assert str(signature) == f"({parameters}"


@pytest.mark.parametrize(
    "name",
    [
        "InspectionWarning",
        "PRUNE",
        "StackItem",
        "lowlevel.FrameDetails.FinallyBlock",
        "lowlevel.IdentityDict.clear",
        "lowlevel.IdentityDict.pop",
        "lowlevel.IdentityDict.popitem",
        "lowlevel.IdentityDict.setdefault",
    ],
)
def test_other_names(name):
    found = stackscope
    for part in name.split("."):
        found = getattr(found, part)
    assert found is not None
