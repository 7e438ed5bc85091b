"""Parsing of forms and queries."""

from aioalf.testing._server.parameters import parse_parameters


def test_repeatable_parameter_keeps_all_its_values() -> None:
    """Empty values are ignored; a lookup by name returns the first value."""
    params = parse_parameters("resource=a&resource=&resource=b&scope=&x=1")
    assert params.get_all("resource") == ("a", "b")
    assert params.get_all("scope") == ()
    assert dict(params) == {"resource": "a", "x": "1"}
    assert len(params) == 2
