"""Modes of the interpreter in which frames look different: traced, compiled, …

`python -m tests.tools.modes MODE …` runs the oracle, or a program of its own, in modes;
`test_modes` starts it in processes with the right options.
"""
