"""Private, but for what docs/public.rst lists. Drawing.

===========  ================================================================"""
