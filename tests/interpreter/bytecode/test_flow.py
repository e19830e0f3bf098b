"""Where blocks are active, by the code alone."""

from __future__ import annotations

import dis
import importlib.util
import sys

import pytest

from stackscope.interpreter.bytecode import analyze
from stackscope.interpreter.bytecode.analyze import GENERATION, analyze_whole
from stackscope.interpreter.bytecode.blocks import Block
from stackscope.interpreter.bytecode.flow import Flow
from stackscope.interpreter.bytecode.instructions import Decoder, decode, names_in
from stackscope.interpreter.bytecode.states import BlockEntry, Mark, Role, State

from .programs import PROGRAMS, Program, codes_of, functions_in, lines_of, marked_lines

BOTH = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)


def _active_at(code):
    """For each call of ``mark``: the line it is on and the names of the blocks active there."""
    analysis = analyze(code)
    lines = lines_of(code)
    for instruction in decode(code):
        if instruction.op.startswith("LOAD_") and "mark" in names_in(instruction)[-1:]:
            sites = analysis.at(instruction.offset)
            if analysis.blocks and not sites:
                continue  # never reached
            yield (
                lines[instruction.offset],
                {tuple(live.block.varname for live in site.live) for site in sites} or {()},
            )


@BOTH
def test_active_blocks(program: Program):
    expected = marked_lines(program.source)
    found = {}
    for code in codes_of(program.source):
        for line, active in _active_at(code):
            found.setdefault(line, set()).update(active)
    # A name that is only handed on is no call.
    found = {line: active for line, active in found.items() if line in expected}
    assert found == {line: {names} for line, names in expected.items()}


@BOTH
def test_every_block_is_left_normally_and_on_exception(program: Program):
    for code in codes_of(program.source):
        analysis = analyze(code)
        left = {}
        for instruction in decode(code):
            for site in analysis.at(instruction.offset):
                if site.exiting is not None and "START" in instruction.op:
                    left.setdefault(site.exiting.block, set()).add("exception")
                elif site.exiting is not None:
                    left.setdefault(site.exiting.block, set()).add("normal")
        if sys.version_info < (3, 9):
            # One instruction serves both ways.
            assert set(left) == set(analysis.blocks)
            continue
        for block in analysis.blocks:
            assert "exception" in left[block]
            # A body that always raises is not left normally.
            assert "normal" in left[block] or "raise" in program.source


@BOTH
def test_handlers(program: Program):
    entry = {(3, 8): "WITH_CLEANUP_START", (3, 9): "WITH_EXCEPT_START"}
    operation = entry.get(sys.version_info[:2], "PUSH_EXC_INFO")
    if sys.version_info[:2] == (3, 10):
        operation = "WITH_EXCEPT_START"
    for code in codes_of(program.source):
        by_offset = {instruction.offset: instruction for instruction in decode(code)}
        for block in analyze(code).blocks:
            assert by_offset[block.handler].op == operation


def _sites_in(code, *analyses):
    """The different sites at all offsets of some code, as each of the analyses has them."""
    found = {}
    for offset in range(0, len(code.co_code), 2):
        sites = [analysis.at(offset) for analysis in analyses]
        found[tuple(map(id, sites))] = sites
    return found.values()


def _check_shape(code):
    analysis = analyze(code)
    if not analysis.blocks:
        return
    for (sites,) in _sites_in(code, analysis):
        assert len(sites) <= 1 or sys.version_info < (3, 9)
        for site in sites:
            assert 0 <= site.intact <= site.depth <= code.co_stacksize
            slots = [live.slot for live in site.live]
            assert slots == sorted(slots)
            assert all(slot < site.depth for slot in slots)
            variables = len(analysis.names)
            assert site.used == variables + site.intact
            assert all(variables <= slot < variables + site.depth for slot in site.reads)
            for live in site.live:
                if sys.version_info < (3, 14):
                    assert live.self_slot == -1
                else:
                    # Side by side; a value that is being returned is swapped with one, then the
                    # other.
                    assert 1 <= abs(live.self_slot - live.slot) <= 2
                    assert 0 <= live.self_slot < site.depth
            if site.exiting is not None:
                assert site.exiting.block not in [live.block for live in site.live]


@pytest.mark.parametrize(
    "module",
    ["threading", "tempfile", "asyncio.base_events", "concurrent.futures._base", "contextlib",
     "unittest.mock", "multiprocessing.pool", "subprocess", "zipfile", "shutil"],
)  # fmt: skip
def test_shape_of_real_code(module: str):
    """Depths stay within the stack's size, slots within the depth."""
    spec = importlib.util.find_spec(module)
    for code in functions_in(spec.loader.get_code(module)):
        _check_shape(code)


@BOTH
def test_shape_of_programs(program: Program):
    for code in codes_of(program.source):
        _check_shape(code)


def _fields(block):
    names = [name for name in type(block).__slots__ if name != "keywords"]
    return [getattr(block, name) for name in [*names, "start_line"]]


@BOTH
def test_sites_do_not_depend_on_what_was_asked_before(program: Program):
    for code in codes_of(program.source):
        forwards, backwards = analyze(code.replace(co_name="f")), analyze(code.replace(co_name="b"))
        blocks = [_fields(block) for block in forwards.blocks]
        offsets = range(0, len(code.co_code), 2)
        pairs = {}
        for analysis, order in ((forwards, offsets), (backwards, reversed(offsets))):
            for offset in order:
                pairs.setdefault(offset, []).append(analysis.at(offset))
        different = {tuple(map(id, pair)): pair for pair in pairs.values()}
        assert all(repr(one) == repr(other) for one, other in different.values())
        # To ask changes nothing.
        assert [_fields(block) for block in forwards.blocks] == blocks
        assert [_fields(block) for block in backwards.blocks] == blocks


@BOTH
def test_equal_sites_are_one(program: Program):
    for code in codes_of(program.source):
        analysis = analyze(code)
        found = [analysis.at(offset) for offset in range(0, len(code.co_code), 2)]
        assert len({id(sites) for sites in found}) <= len(set(found)) + 1  # and none of NO_BLOCKS
        assert all(analysis.at(2 * i) is sites for i, sites in enumerate(found))


def test_runs_are_passed_over_as_if_followed_one_by_one(monkeypatch):
    """What runs of instructions do together is what they do one by one."""
    module = sys.modules["stackscope.interpreter.bytecode.analyze"]
    spec = importlib.util.find_spec("subprocess")
    codes = functions_in(spec.loader.get_code("subprocess"))
    together = [module.analyze_whole(code.replace(co_name="t")) for code in codes]
    monkeypatch.setattr(type(module.GENERATION), "has_runs", False)
    alone = [module.analyze_whole(code.replace(co_name="a")) for code in codes]
    for code, one, other in zip(codes, together, alone):
        for sites, others in _sites_in(code, one, other):
            assert set(map(repr, sites)) == set(map(repr, others))


def test_unreachable_code_has_no_site():
    source = "def f(cm):\n  with cm:\n    return 1\n    x = 2\n"
    [code] = [c for c in functions_in(compile(source, "", "exec")) if c.co_name == "f"]
    analysis = analyze(code)
    stores = [ins for ins in decode(code) if ins.op == "STORE_FAST" and analysis.at(ins.offset)]
    assert stores == []
    lines = lines_of(code)
    assert any(lines[ins.offset] == 3 and analysis.at(ins.offset) for ins in decode(code))


def test_a_code_object_without_blocks_is_not_analysed():
    def plain(x):
        return [x + 1 for x in [x]]

    analysis = analyze(plain.__code__)
    assert analysis.blocks == []
    assert analysis.at(0) == ()


def test_offsets_outside_of_the_code():
    def program(cm):
        with cm:
            pass

    analysis = analyze(program.__code__)
    assert analysis.at(-1) == ()
    assert analysis.at(10**6) == ()


def test_repr_of_a_block():
    def program(cm):
        with cm as name:
            pass

    [block] = analyze(program.__code__).blocks
    line = program.__code__.co_firstlineno + 1
    assert repr(block) == f"<with block at {block.opener}, line {line}, as name>"


def test_replaced_code_is_analysed_anew():
    def program(cm):
        with cm as a:
            pass

    def other(cm):
        with cm as b:
            pass

    assert [block.varname for block in analyze(program.__code__).blocks] == ["a"]
    program.__code__ = other.__code__
    assert [block.varname for block in analyze(program.__code__).blocks] == ["b"]


def test_equal_code_objects_are_different():
    source = "def f(cm):\n  with cm as a:\n    pass\n"
    first, second = (functions_in(compile(source, "same", "exec"))[1] for _ in range(2))
    assert first == second
    assert analyze(first) is not analyze(second)
    assert analyze(first) is analyze(first)


def test_hand_made_code_with_many_blocks():
    depth = 18  # The compiler allows 20 nested blocks.
    lines = ["def f(cm, mark):"]
    lines += [f"{'  ' * (i + 1)}with cm('x{i}') as x{i}:" for i in range(depth)]
    lines += ["  " * (depth + 1) + "mark()"]
    code = functions_in(compile("\n".join(lines), "", "exec"))[1]
    [(_, active)] = list(_active_at(code))
    assert active == {tuple(f"x{i}" for i in range(depth))}


def test_effects_of_all_operations_are_known():
    """Every operation of the programs has an effect on the depth that `dis` agrees with."""
    for program in PROGRAMS:
        for code in codes_of(program.source):
            for instruction in decode(code):
                arg = instruction.arg if instruction.opcode >= dis.HAVE_ARGUMENT else None
                dis.stack_effect(instruction.opcode, arg)


def _flow_of(function):
    code = function.__code__
    return Flow(code, Decoder(code).units, GENERATION)


def _program(cm):
    with cm:
        pass


EXIT = {0: Mark(Role.EXIT, Block(0, False))}


@pytest.mark.parametrize(
    ("state", "effect", "is_known"),
    [
        (State(1, EXIT), 0, True),
        (State(0, EXIT), 1, True),
        (State(1, EXIT), 1, False),
        (State(1), 0, False),
        (State(1, {0: Mark(Role.CALLED_EXIT, Block(0, False))}), 0, False),
        (State(1, EXIT, (BlockEntry(8, 0),)), 0, False),
    ],
)
def test_a_jump_is_followed_unless_that_is_known(state, effect, is_known):
    """It is if it comes with another depth, other marks, or other blocks of the interpreter's."""
    flow = _flow_of(_program)
    flow.states[2] = [State(1, EXIT)]
    work = []
    flow.note_jump(2, state, effect, work)
    assert [(target, jumped.depth, jumped.marks, jumped.entries) for target, jumped in work] == (
        [] if is_known else [(2, state.depth + effect, state.marks, state.entries)]
    )
    flow.note_jump(4, state, effect, work)  # nothing is known of that
    assert work[-1][0] == 4
    assert work[-1][1] is not state  # who goes on with that changes it


def test_the_next_await_that_is_done_is_the_topmost():
    """What an exit method has given lies above what an outer enter method has."""
    outer, inner, last = Block(0, True), Block(8, True), Block(16, True)
    marks = {
        0: Mark(Role.PENDING_EXIT, outer),
        1: Mark(Role.ENTERING, outer),
        2: Mark(Role.CALLED_EXIT, inner),
        3: Mark(Role.EXITING, inner),
        4: Mark(Role.FINALLY, None, 4),
        5: Mark(Role.EXIT, last),
    }
    rest = {slot: marks[slot] for slot in (4, 5)}
    state = State(7, marks)
    flow = _flow_of(_program)
    flow.await_done(state, 20)
    assert state.marks == {0: marks[0], 1: marks[1], **rest}
    assert outer.body == Block(0, True).body
    flow.await_done(state, 20)
    assert state.marks == {0: Mark(Role.EXIT, outer), **rest}
    assert outer.body == 20
    flow.await_done(state, 30)  # nothing of ours has been awaited
    assert state.marks == {0: Mark(Role.EXIT, outer), **rest}
    assert outer.body == 20


def test_plain_instructions_are_passed_over_at_once(monkeypatch):
    """With their jumps; only what deals with blocks is followed by itself."""
    followed = []
    follow_one = Flow.follow_one

    def counted(self, offset, *args):
        followed.append(offset)
        return follow_one(self, offset, *args)

    lines = ["def f(cm, a):", " with cm:"]
    lines += [f"  a.x = a[{number}] + a.b or a.c if a else [a]" for number in range(200)]
    code = functions_in(compile("\n".join(lines), "", "exec"))[1]
    monkeypatch.setattr(Flow, "follow_one", counted)
    assert len(analyze_whole(code).blocks) == 1
    if GENERATION.has_runs:
        assert len(followed) < 50
    assert len(decode(code)) > 2000
