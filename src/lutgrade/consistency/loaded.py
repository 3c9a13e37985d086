"""What worker processes find loaded: it is imported where they are copied from (`lutgrade.consistency.workers`)."""

from lutgrade.process import loading, quiet_threads

quiet_threads()  # the processes are the match's own, whoever called it
with loading():
    import lutgrade.consistency.tasks  # noqa: F401
