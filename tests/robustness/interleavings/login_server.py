"""The fake authorization server of `login_scenario`, in place of the HTTP of a token endpoint."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from types import SimpleNamespace
from typing import Any

from yarl import URL

from aioalf import TokenConnectionError
from aioalf._auth_server.response import ServerResponse
from tests.robustness.interleavings.world import SECRET_MARK, World

REVOCATION_URL = "https://as.example.com/revoke"
CODE_PREFIX = f"{SECRET_MARK}-code-"


@dataclass(eq=False)
class Refresh:
    """A refresh token and its state."""

    name: str
    login: "Login"
    is_used: bool = False
    is_known: bool = False
    """Whether the client received it."""
    is_lost: bool = False
    """Whether the response with its successor was lost."""
    is_sent: bool = False
    """Whether a request with it is in flight."""


@dataclass(eq=False)
class Login:
    """A login: the grant of one sign-in and its refresh tokens."""

    owner: object
    begun: int
    signer: object = None
    """The grant that asked the user, None for a given refresh token."""
    is_stored: bool = False
    """Whether the cache has had a token of the login."""
    is_over: bool = False
    is_exchanging: bool = False
    """Whether a request with its code is in flight."""
    is_logging_out: bool = False
    """Whether a logout has started."""
    refresh: list[Refresh] = field(default_factory=list[Refresh])

    @property
    def counts(self) -> bool:
        """Whether the client has a valid refresh token."""
        newest = self.refresh[-1] if self.refresh else None
        return newest is not None and newest.is_known and not newest.is_lost and not self.is_over

    def is_known_to(self, grant: object) -> bool:
        """Whether a manager with this grant knows the login.

        It does not know the sign-in of another manager before that one has stored it.
        """
        return self.is_stored or self.signer in {None, grant}

    @property
    def can_go_on(self) -> bool:
        """Whether the client has a valid refresh token and no logout has started."""
        return self.counts and not self.is_logging_out


class LoginServer:
    """Replaces the HTTP connection of a `TokenEndpoint`; may lose responses."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.failure_rate = world.choices.choice([0.0, 0.0, 0.2, 0.4])
        self.loss_rate = world.choices.choice([0.0, 0.0, 0.2])
        self.narrowing_rate = world.rare_choices.choice([0.0, 0.0, 0.2])
        self.lifetimes: Sequence[int | None] = world.choices.sample((0, 1, 2, 6, 30, None), 2)
        self.is_rotating = world.likely(0.8)
        self.refresh: dict[str, Refresh] = {}
        self.logins: list[Login] = []
        self.access: dict[str, tuple[Login, float, int, str]] = {}
        self.arrived: dict[str, float] = {}
        self.revoked: set[str] = set()
        self.stored: set[str] = set()
        self.stored_refresh: set[str] = set()
        self.narrowed: set[str] = set()
        """Tokens with less scope than requested."""
        self.is_cache_unreliable = False
        """Whether the cache has lost a claim or a write, so that one client does not know what
        another one does."""

    def begin(self, owner: object) -> Login:
        """The user signs in."""
        login = Login(owner, self.world.note("login granted"))
        self.logins.append(login)
        return login

    def accepts(self, token: str) -> bool:
        """Whether the API accepts a token now."""
        login, expiry, _, _ = self.access[token]
        return token not in self.revoked and not login.is_over and self.world.loop.time() < expiry

    def deliver(self, record: Mapping[str, Any] | None) -> None:
        """The cache entry was written, so waiting callers get the token now; or it was deleted."""
        if record is None:
            for login in self.logins:
                login.is_logging_out = True
            return
        self.stored_refresh.add(record["refresh_token"])
        for token in (record, *record["derived"].values()):
            name = token["access_token"]
            if not name:  # the response had a refresh token alone that was usable
                self.refresh[record["refresh_token"]].login.is_stored = True
                continue
            self.access[name][0].is_stored = True
            if name not in self.stored:
                self.stored.add(name)
                self.arrived[name] = self.world.loop.time()
                self.world.note("delivered", name)

    def in_flight(self) -> list[tuple[Login, int]]:
        """Return the logins of the refresh tokens and codes that were sent and are not answered.

        With the position of the refresh token that the answer will have, if it has one.
        """
        sent = [refresh for refresh in self.refresh.values() if refresh.is_sent]
        return [
            *((refresh.login, refresh.login.refresh.index(refresh) + 1) for refresh in sent),
            *((login, 0) for login in self.logins if login.is_exchanging),
        ]

    def issue_refresh(self, login: Login) -> Refresh:
        """Issue the next refresh token of a login."""
        issued = Refresh(f"{SECRET_MARK}-refresh-{len(self.refresh)}", login)
        self.refresh[issued.name] = issued
        login.refresh.append(issued)
        return issued

    async def post(
        self,
        endpoint: str,
        url: URL,
        form: Mapping[str, Any],
        headers: object,
        *,
        ssl: object = None,
        secrets: frozenset[str] = frozenset(),
        is_json: bool = False,
    ) -> ServerResponse:
        """Answer a request, like `AuthServerHTTP.post`."""
        if str(url) == REVOCATION_URL:
            return await self._revoke(form["token"])
        world = self.world
        sent = world.note("token request", form.get("refresh_token") or form.get("code"))
        used = self.refresh.get(form.get("refresh_token", ""))
        if used is not None:
            world.must(
                "a refresh token is in one request at a time (R043)",
                holds=not used.is_sent or self.is_cache_unreliable,
            )
            world.must(
                "a used refresh token is sent again only if the response was lost (R040)",
                holds=not used.is_used or used.is_lost or self.is_cache_unreliable,
            )
            used.is_sent = True
        exchanged = self._login_of(form) if "code" in form else None
        if exchanged is not None:
            exchanged.is_exchanging = True
        try:
            response = await self._answer(form, used, sent)
        except asyncio.CancelledError:
            world.must("a refresh in flight is not cancelled (R044)", holds=used is None)
            raise
        else:
            response.secrets = secrets
            return response
        finally:
            if used is not None:
                used.is_sent = False
            if exchanged is not None:
                exchanged.is_exchanging = False

    async def _answer(
        self, form: Mapping[str, Any], used: Refresh | None, sent: int
    ) -> ServerResponse:
        world = self.world
        await world.pass_time()
        if world.likely(self.failure_rate):
            if world.likely(0.5):
                raise TokenConnectionError("reset")
            said = " ".join(map(str, form.values()))  # some servers repeat the request in errors
            return _answered(503, {"error": "temporarily_unavailable", "error_description": said})
        if used is not None and (used.is_used or used.login.is_over):
            used.login.is_over = True
            world.note("rejected", used.name)
            await world.pass_time()
            said = f"{used.name} is not valid"
            return _answered(400, {"error": "invalid_grant", "error_description": said})
        login = used.login if used is not None else self._login_of(form)
        members = self._issue(login, form, sent)
        new = None
        if "code" in form or (used is not None and self.is_rotating):
            new = self.issue_refresh(login)
            members["refresh_token"] = new.name
        if used is not None and new is not None:
            used.is_used = used.is_lost = True  # until the new one arrives
        world.note("token response", members)
        return await self._deliver(members, used, new)

    async def _deliver(
        self, members: dict[str, Any], used: Refresh | None, new: Any
    ) -> ServerResponse:
        world = self.world
        await world.pass_time()
        if world.likely(self.loss_rate):
            if world.likely(0.5):
                world.note("response lost")
                raise TokenConnectionError("reset")
            members.pop("access_token")
        if used is not None:
            used.is_lost = False
        name = members.get("access_token")
        if new is not None:
            is_usable = name is not None and name not in self.narrowed
            new.is_known = used is not None or is_usable
        if name is not None:
            self.arrived[name] = world.loop.time()
            world.note("arrived", name)
        return _answered(200, members)

    def _login_of(self, form: Mapping[str, Any]) -> Login:
        if "code" not in form:
            return self.begin(None)  # a service, which gets no refresh token
        return self.logins[int(form["code"].removeprefix(CODE_PREFIX))]

    def _issue(self, login: Login, form: Mapping[str, Any], sent: int) -> dict[str, Any]:
        lifetime = self.world.choices.choice(self.lifetimes)
        scope = " ".join(sorted((form.get("scope") or "a b").split()))
        name = f"{SECRET_MARK}-t{len(self.access)}"
        if scope == "a b" and self.world.rare_choices.random() < self.narrowing_rate:
            scope = "a"
            self.narrowed.add(name)
        what = f"{scope} {' '.join(form.get('resource', ()))}"
        has_person = not form.keys().isdisjoint({"code", "refresh_token"})
        # After a sign-in, 0 means that the lifetime is unknown (R024).
        life = inf if lifetime is None or (has_person and lifetime == 0) else lifetime
        self.access[name] = (login, self.world.loop.time() + life, sent, what)
        members: dict[str, Any] = {"access_token": name, "token_type": "Bearer", "scope": scope}
        if lifetime is not None:
            members["expires_in"] = lifetime
        return members

    async def _revoke(self, token: str) -> ServerResponse:
        self.world.note("revocation request", token)
        await self.world.pass_time()
        if token in self.refresh:
            self.refresh[token].login.is_over = True
        self.revoked.add(token)
        return _answered(200, {})


def _answered(status: int, members: Mapping[str, Any]) -> ServerResponse:
    response: Any = SimpleNamespace(
        status=status,
        reason="",
        headers={"Content-Type": "application/json"},
        raw_headers=(),
        cookies={},
        _body=b"",
        _cache={},
    )
    url = URL("https://as.example.com/token")
    return ServerResponse("token_endpoint", url, response, json.dumps(members).encode())


class FakeHTTP:
    """Replaces `AuthServerHTTP` of a `TokenEndpoint`."""

    def __init__(self, server: LoginServer) -> None:
        self.network: object = None
        self.post = server.post

    def require_checked_certificate(self, *_: object) -> None:
        """Accept each certificate."""
