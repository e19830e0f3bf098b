"""Busy threads, extracted from another one all the time: no crash, no wrong object, no leak.

`workers` keeps the threads busy, `check` compares an extracted stack with what the managers say of
themselves. Run it with `python -m tests.tools.soak --help`.
"""
