"""A person who signs in at oidc-provider and allows all, as soon as they are shown where.

For tests that are about what comes after a login. Knows the provider's pages; runs no scripts.
"""

from tests.interop.form_visitor import FormVisitor

_GO_ON = ("do", "go on")


class QuickPerson:
    """Called with the URL of a login, as `open_browser`; ``logins`` counts them."""

    def __init__(self, name: str = "alf") -> None:
        self._name = name
        self.logins = 0

    async def __call__(self, url: str) -> None:
        """Do all that is asked, in a window that remembers nobody."""
        self.logins += 1
        async with FormVisitor() as visitor:
            await visitor.open(url)
            await self._sign_in(visitor)

    async def enter(self, url: str, code: str) -> None:
        """Do the same for a device that shows a code, starting at the page that it names."""
        self.logins += 1
        async with FormVisitor() as visitor:
            await visitor.open(url)
            await visitor.send({"user_code": code})
            await visitor.send({})
            await self._sign_in(visitor)

    async def _sign_in(self, visitor: FormVisitor) -> None:
        await visitor.send({"name": self._name}, _GO_ON)
        await visitor.send({}, _GO_ON)
