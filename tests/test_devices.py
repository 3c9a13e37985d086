"""Devices that can be named, and those that cannot be used."""

from __future__ import annotations

import pytest

from lutgrade.devices import check_device
from lutgrade.errors import InputError


def test_the_cpu_is_here() -> None:
    check_device("cpu")


@pytest.mark.parametrize("name", ["nowhere", "cuda:99", "meta", ""])
def test_a_device_that_gives_nothing_back_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        check_device(name)
