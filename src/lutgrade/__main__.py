"""`python -m lutgrade`."""

from lutgrade.cli import main

main()
