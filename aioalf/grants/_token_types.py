"""What kinds of tokens there are, by the names that RFC 8693 §3 gives them."""

from typing import Final

ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
REFRESH_TOKEN: Final = "urn:ietf:params:oauth:token-type:refresh_token"  # noqa: S105 - a name
ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
SAML1: Final = "urn:ietf:params:oauth:token-type:saml1"
SAML2: Final = "urn:ietf:params:oauth:token-type:saml2"
