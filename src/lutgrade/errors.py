"""The errors that a user is meant to read: one line that says what was wrong, where, and what to do."""

from __future__ import annotations


class LutgradeError(Exception):
    """A run that failed for a reason outside its input; the command prints it and exits with 1."""


class InputError(LutgradeError, ValueError):
    """Bad input: a file, an option or a value that cannot be used; the command prints it and exits with 2."""
