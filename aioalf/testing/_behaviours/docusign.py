"""DocuSign: HTTP Basic."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour

DOCUSIGN = Behaviour(options={"client_auth_methods": ("client_secret_basic",)})
