"""Private. What the running interpreter holds: code, frames, threads, objects.

===============  =============================================================================
`facts`          what the running interpreter does: the one place that asks which one it is
`bytecode`       what the code says: which ``with`` blocks there are, and where each is active
`frames`         what a frame holds: its value stack and its variables
`running`        the frames of running stacks, of this thread and others
`resumable`      generators and coroutines that another thread may resume at any time
`collector`      the garbage collector, held back while much is made
`heap`           objects of the whole process, by their types
`back_to_roots`  what leads to certain objects, from these back to what is alive
`reachable`      what can be reached from what is alive, without passing through certain objects
`nearby`         the same as far as what is near to some objects tells it
`region`         objects, of which it is found out which can be reached from some of them
`counting`       how many references to objects are explained by others
`finalizers`     what may run code though nothing alive has it
`same_code`      whether two code objects are that of the same function
`thread_clock`   the CPU time of a thread, which proves that it hasn't run
===============  =============================================================================
"""

from __future__ import annotations
