"""A sweep over the standard library: its `with` blocks by bytecode against its syntax trees.

`expected` reads the syntax tree, `exits` finds the calls of exit methods by a plain scan of the
instructions, `sweep` compares both with what `stackscope` says. Run it with
`python -m tests.tools.corpus --help`.
"""
