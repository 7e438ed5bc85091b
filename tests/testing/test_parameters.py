"""Parameters, as a form or a query has them."""

from aioalf.testing._server.parameters import parse_parameters


def test_a_parameter_that_may_be_repeated_has_all_its_values() -> None:
    """Empty values count as left out; of several, the first is the value."""
    asked = parse_parameters("resource=a&resource=&resource=b&scope=&x=1")
    assert asked.get_all("resource") == ("a", "b")
    assert asked.get_all("scope") == ()
    assert dict(asked) == {"resource": "a", "x": "1"}
    assert len(asked) == 2
