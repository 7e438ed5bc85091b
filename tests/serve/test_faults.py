"""The option ``--fault``: each name is a fault, and an unknown name lists the valid ones."""

from typing import get_args

import pytest

from aioalf._serve.faults import NAMED_FAULTS, parse_fault
from aioalf.testing import Endpoint


@pytest.mark.parametrize("name", NAMED_FAULTS)
def test_each_name_is_a_fault(name: str) -> None:
    """The option takes every name of the table."""
    assert parse_fault(f"token={name}") == ("token", NAMED_FAULTS[name])


@pytest.mark.parametrize("endpoint", get_args(Endpoint))
def test_each_endpoint_can_have_a_status(endpoint: Endpoint) -> None:
    """The option takes every endpoint of the test server."""
    assert parse_fault(f"{endpoint}=503")[0] == endpoint
    assert parse_fault(f"{endpoint}=503")[1].kind == "body 503"


@pytest.mark.parametrize("text", ["token=burn", "token", "token=99", "token=600", "token=5030"])
def test_unknown_fault_lists_the_valid_ones(text: str) -> None:
    """The error names the statuses and each named fault."""
    with pytest.raises(ValueError, match="use an HTTP status from 200 to 599, or one of") as error:
        parse_fault(text)
    assert all(name in str(error.value) for name in NAMED_FAULTS)


def test_unknown_endpoint_lists_the_valid_ones() -> None:
    """The error names each endpoint."""
    with pytest.raises(ValueError, match=r"'tokens=503' names no endpoint") as error:
        parse_fault("tokens=503")
    assert all(name in str(error.value) for name in get_args(Endpoint))
