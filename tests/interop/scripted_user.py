"""A user who signs in at oidc-provider and allows everything at once.

For tests of what happens after the sign-in. Knows the pages of the provider; runs no scripts.
"""

from tests.interop.form_visitor import FormVisitor

_GO_ON = ("do", "go on")


class ScriptedUser:
    """Pass it as `open_browser`; ``logins`` counts the sign-ins."""

    def __init__(self, name: str = "alf") -> None:
        self._name = name
        self.logins = 0

    async def __call__(self, url: str) -> None:
        """Sign in and allow everything, in a new window."""
        self.logins += 1
        async with FormVisitor() as visitor:
            await visitor.open(url)
            await self._sign_in(visitor)

    async def enter_code(self, url: str, code: str) -> None:
        """Enter the code of a device, then sign in and allow everything."""
        self.logins += 1
        async with FormVisitor() as visitor:
            await visitor.open(url)
            await visitor.send({"user_code": code})
            await visitor.send({})
            await self._sign_in(visitor)

    async def _sign_in(self, visitor: FormVisitor) -> None:
        await visitor.send({"name": self._name}, _GO_ON)
        await visitor.send({}, _GO_ON)
