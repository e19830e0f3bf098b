"""Private, but for what docs/public.rst lists. Everything in the process at once.

============  ======================================================================
`taking`      takes a snapshot
`looking`     how far that has come, and whether it is enough
`survey`      what can be seen of the process, looked at once for all who ask
`runtimes`    the libraries that have tasks, as glue tells of them
`owners`      the tasks of all loops as trees
`waits`       what a task or thread waits for
`inside`      who is inside which context managers
`holding`     who holds what others wait for
`entered`     what exit stacks have entered that are in variables and attributes
`lent`        who has what a pool has lent, such as connections
`asking`      threads that wait for what a task does for them
`wait_graph`  which tasks await which others
`needs`       who needs whom to go on: the graph of all waits
`liveness`    what can go on by that, and what can't
`circles`     what waits for each other
`times`       when tasks were made, and when they ran, once that is recorded
`waking`      what ends the waits of tasks, as glue tells of it
`limits`      which waits end by themselves after some time
`hidden`      what threads and greenlets refer to by their frames alone
`search`      searches the heap for those who could end waits
`users`       who has what others wait for, and may end their waits
`helpers`     those of them who don't need the one that waits to end before
`stillness`   whether tasks and threads still stand where they stood
`blocked`     event loops whose thread stands in a call that blocks
`diagnosing`  from all that to a diagnosis
`subjects`    what tasks are about: the requests that they answer
`threads`     the threads, and what they are called
`idle`        which threads are workers of a pool that wait for work
`folding`     which frames are folded where a person looks at a stack: the one rule
`identity`    who an object is among the tasks and threads, alive or read from a file
`referrers`   what refers to an object
`numbers`     small numbers for tasks and threads, never given twice
`user_code`   whose code a frame executes, and which frames are machinery: one table
============  ======================================================================
"""

from __future__ import annotations
