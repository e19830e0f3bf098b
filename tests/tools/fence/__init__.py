"""Runs programs where memory that has been freed can't be read: a stale pointer crashes at once."""
