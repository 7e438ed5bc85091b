"""The behaviours of real providers, by the names that `aioalf.providers` gives them.

One file for each provider; each fact is one of the provider's documents or a seen response.
"""

from aioalf.testing._behaviours.google import GOOGLE
from aioalf.testing._behaviours.slack import SLACK
from aioalf.testing.behaviour import Behaviour

BEHAVIOURS: dict[str, Behaviour] = {
    "google": GOOGLE,
    "slack": SLACK,
}


def behaviour_of(provider: str) -> Behaviour:
    """Return the behaviour of a provider. Raises ValueError that names the known ones."""
    try:
        return BEHAVIOURS[provider]
    except KeyError:
        raise ValueError(
            f"The behaviour of {provider!r} is not known: pass behaviour=Behaviour(...), or a "
            f"provider among {', '.join(sorted(BEHAVIOURS))}"
        ) from None
