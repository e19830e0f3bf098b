"""The oracle: random programs whose context managers log their own life.

`programs` writes a program, `managers` holds the context managers that it uses, `runtime` the
other names that it calls (and the driver that runs it), `oracle` knows what every frame must
show and compares. `tracing` puts probes between the instructions as well. Run it with
`python -m tests.tools.fuzz --help`.
"""
