"""What worker processes find loaded: it is imported where they are copied from (`lutgrade.consistency.workers`)."""

from lutgrade.process import loading

with loading():
    import lutgrade.consistency.tasks  # noqa: F401
