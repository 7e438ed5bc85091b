"""Answers of real providers, read by a client that knows nothing but their URLs.

The table has the members, words and forms that the providers document, or that were seen.
"""

import json
import logging
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import pytest

from aioalf import Client, Token, TokenResponseError
from aioalf.client_auth import ClientAuth, ClientSecretPost
from aioalf.grants import AuthorizationCode, ClientCredentials, Grant
from aioalf.testing import Fault, OAuthServer
from tests.grants.visitor import Visitor
from tests.support.front import api_log

_STANDARD: Final = {"access_token", "token_type", "expires_in", "scope", "refresh_token"}


class Answer(NamedTuple):
    """The JSON of a token response, the scope that was requested, and the expected token.

    `granted` is the expected scope; None is the requested one. `missing` are requested scopes that
    only a rule about the provider could find in the answer. `warning` is a part of the one warning.
    """

    json: str
    requested: str = ""
    granted: str | None = None
    expires_in: int | None = 3600
    missing: str = ""
    warning: str = ""
    grant: Literal["sign-in", "client credentials"] = "sign-in"

    @property
    def body(self) -> Mapping[str, object]:
        """The members of the response."""
        members: dict[str, object] = json.loads(self.json)
        return members


ANSWERS: dict[str, Answer] = {
    "airtable": Answer(
        """
        {"access_token": "oaaAbC.v1.x-y", "refresh_token": "oaaRef.v1.z",
        "token_type": "Bearer", "scope": "data.records:read schema.bases:read",
        "expires_in": 3600, "refresh_expires_in": 5184000}
        """,
        "data.records:read schema.bases:read",
    ),
    "amazon": Answer(
        """
        {"access_token": "Atza|IwEBIJ-x_y==", "refresh_token": "Atzr|IwEBIL-x",
        "token_type": "bearer", "expires_in": 3600}
        """,
        "profile",
    ),
    "amazon, notifications": Answer(
        """
        {"access_token": "Atc|MQEBIJx", "token_type": "bearer", "expires_in": 3600}
        """,
        "sellingpartnerapi::notifications",
        grant="client credentials",
    ),
    "apigee": Answer(
        """
        {"access_token": "A1b2C3d4E5f6G7h8I9j0K1l2M3n4", "token_type": "BearerToken",
        "expires_in": "3599", "issued_at": "1790000000000", "scope": "", "status": "approved",
        "api_product_list": "[ops]", "application_name": "a", "refresh_token_expires_in": "0"}
        """,
        "core",
        expires_in=3599,
        warning="token_type 'BearerToken'",
        grant="client credentials",
    ),
    "apple": Answer(
        """
        {"access_token": "a1b2.0.x.y", "token_type": "Bearer", "expires_in": 3600,
        "refresh_token": "r1b2.0.x.y", "id_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"}
        """,
        "name email",
    ),
    "asana": Answer(
        """
        {"access_token": "2/1234/5678:abcdef", "token_type": "bearer", "expires_in": 3600,
        "refresh_token": "2/1234/5678:fedcba", "data": {"id": 1234, "gid": "1234",
        "name": "Ada", "email": "ada@example.com"}}
        """,
        "default",
    ),
    "atlassian": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "bearer",
        "expires_in": 3600, "refresh_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnr",
        "scope": "read:jira-work offline_access"}
        """,
        "offline_access read:jira-work",
    ),
    "auth0": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "Bearer",
        "expires_in": 86400}
        """,
        "read:things",
        expires_in=86400,
    ),
    "b2c": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "Bearer",
        "not_before": 1790000000, "expires_in": "3600", "expires_on": "1790003600",
        "resource": "api", "id_token_expires_in": 3600, "profile_info": "eyJ2ZXIiOiIxLjAifQ",
        "scope": "https://t.example/api/read",
        "refresh_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnr",
        "refresh_token_expires_in": "1209600"}
        """,
        "https://t.example/api/read offline_access",
    ),
    "box": Answer(
        """
        {"access_token": "c3FIOG9vSGV4", "token_type": "bearer", "expires_in": 4134,
        "refresh_token": "c3FIOG9vSGW5", "restricted_to": [],
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
        """,
        "root_readonly",
        expires_in=4134,
    ),
    "cognito": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "Bearer",
        "expires_in": 3600, "refresh_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnr"}
        """,
        "things/read",
    ),
    "discord": Answer(
        """
        {"access_token": "6qrZcUqja7812RVdnEKjpzOL4CvHBF", "token_type": "Bearer",
        "expires_in": 604800, "refresh_token": "D43f5y0ahjqew82jZ4NViEr2YafMKh",
        "scope": "identify bot", "guild": {"id": "2909267986"}}
        """,
        "bot identify",
        expires_in=604800,
    ),
    "docusign": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "Bearer",
        "expires_in": 3600}
        """,
        "signature impersonation",
        grant="client credentials",
    ),
    "dropbox": Answer(
        """
        {"access_token": "sl.u.AbC-d_E", "token_type": "bearer", "expires_in": 14400,
        "refresh_token": "nBiM85CZALsAAAAA", "scope": "account_info.read", "uid": "12345",
        "account_id": "dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"}
        """,
        "account_info.read",
        expires_in=14400,
    ),
    "ebay": Answer(
        """
        {"access_token": "v^1.1#i^1#p^3#r^0#I^3#f^0#t^H4sIAAA", "expires_in": 7200,
        "token_type": "User Access Token", "refresh_token": "v^1.1#i^1#r^1#t^Ul4",
        "refresh_token_expires_in": 47304000}
        """,
        "https://api.ebay.com/oauth/api_scope",
        expires_in=7200,
        warning="token_type 'User Access Token'",
    ),
    "ebay, application": Answer(
        """
        {"access_token": "v^1.1#i^1#p^1#r^0#t^H4sIAAA", "expires_in": 7200,
        "token_type": "Application Access Token"}
        """,
        expires_in=7200,
        warning="token_type 'Application Access Token'",
        grant="client credentials",
    ),
    "entra": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "Bearer",
        "expires_in": 3599, "ext_expires_in": 3599, "refresh_in": 1800,
        "client_info": "eyJ1aWQiOiIxIn0", "foci": "1", "refresh_token": "0.AX4A",
        "scope": "User.Read profile openid email"}
        """,
        "User.Read offline_access",
        granted="User.Read profile openid email offline_access",
        expires_in=3599,
    ),
    "entra, application": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "Bearer",
        "expires_in": 3599, "ext_expires_in": 3599}
        """,
        "https://graph.microsoft.com/.default",
        expires_in=3599,
        grant="client credentials",
    ),
    "entra, version 1": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "Bearer",
        "expires_in": "3599", "ext_expires_in": "3599", "expires_on": "1790003599",
        "resource": "api"}
        """,
        expires_in=3599,
        grant="client credentials",
    ),
    "facebook": Answer(
        """
        {"access_token": "EAABwzLixnjYBO", "token_type": "bearer", "expires_in": 5183944}
        """,
        "email",
        expires_in=5183944,
    ),
    "facebook, application": Answer(
        """
        {"access_token": "1234567890|aBcD-eF_g", "token_type": "bearer"}
        """,
        expires_in=None,
        grant="client credentials",
    ),
    "fitbit": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "Bearer",
        "expires_in": 28800, "refresh_token": "a1b2c3", "scope": "profile activity",
        "user_id": "26FWFL"}
        """,
        "activity profile",
        expires_in=28800,
    ),
    "github, oauth app": Answer(
        """
        {"access_token": "gho_16C7e42F292c", "token_type": "bearer", "scope": "repo,gist"}
        """,
        "repo gist",
        expires_in=None,
    ),
    "github, implied scope": Answer(
        """
        {"access_token": "gho_16C7e42F292c", "token_type": "bearer", "scope": "repo,user"}
        """,
        "repo user user:email",
        granted="repo user",
        expires_in=None,
        missing="user:email",
        warning="without user:email",
    ),
    "github, app": Answer(
        """
        {"access_token": "ghu_16C7e42F292c", "token_type": "bearer", "scope": "",
        "expires_in": 28800, "refresh_token": "ghr_1B4a2e77838347a7",
        "refresh_token_expires_in": 15811200}
        """,
        expires_in=28800,
    ),
    "gitlab": Answer(
        """
        {"access_token": "de6780bc506a0446de6780bc506a0446de6780bc506a0446de6780bc506a0446",
        "token_type": "Bearer", "expires_in": 7200,
        "refresh_token": "8257e65c97202ed18257e65c97202ed18257e65c97202ed18257e65c97202ed1",
        "created_at": 1790000000, "scope": "read_api"}
        """,
        "read_api",
        expires_in=7200,
    ),
    "google": Answer(
        """
        {"access_token": "ya29.a0AfH6SMBx-y_z", "token_type": "Bearer", "expires_in": 3599,
        "refresh_token": "1//0gFU7abc-d",
        "id_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "scope": "https://www.googleapis.com/auth/drive openid https://www.googleapis.com/auth/userinfo.email",
        "refresh_token_expires_in": 604799}
        """,
        "email profile https://www.googleapis.com/auth/drive",
        granted="email profile https://www.googleapis.com/auth/drive "
        "openid https://www.googleapis.com/auth/userinfo.email",
        expires_in=3599,
    ),
    "google, text": Answer(
        """
        {"access_token": "ya29.c.b0Aaek", "token_type": "Bearer", "expires_in": "3599"}
        """,
        expires_in=3599,
        grant="client credentials",
    ),
    "home connect": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "id_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "Bearer",
        "expires_in": 86400, "refresh_token": "ZXUtcmVmcmVzaA==", "scope": "Oven Hood"}
        """,
        "Hood Oven",
        expires_in=86400,
    ),
    "hubspot": Answer(
        """
        {"access_token": "CJSP5qf1KhICAQEYs-gDIIGOBii1hQIyGQAf", "token_type": "bearer",
        "expires_in": 1800, "refresh_token": "6f18f21e-a743-4509-b7fd-1a5e632fffa1"}
        """,
        "oauth crm.objects.contacts.read",
        expires_in=1800,
    ),
    "intuit": Answer(
        """
        {"access_token": "eJhbGciOiJkaXIi..Xy.Zq", "token_type": "bearer", "expires_in": 3600,
        "refresh_token": "RT1-12-H0-1790000000abc", "x_refresh_token_expires_in": 8726400,
        "x_refresh_token_hard_expires_in": 157680000}
        """,
        "com.intuit.quickbooks.accounting",
    ),
    "keycloak": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "expires_in": 300,
        "refresh_expires_in": 0, "refresh_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnr",
        "token_type": "bearer", "not-before-policy": 0, "session_state": "c5a1",
        "scope": "profile offline_access email"}
        """,
        "email offline_access",
        granted="email offline_access profile",
        expires_in=300,
    ),
    "linear": Answer(
        """
        {"access_token": "lin_oauth_1a2b3c", "token_type": "Bearer", "expires_in": 86399,
        "refresh_token": "lin_refresh_1a2b3c", "scope": "read write"}
        """,
        "read write",
        expires_in=86399,
    ),
    "linear, old app": Answer(
        """
        {"access_token": "lin_oauth_1a2b3c", "token_type": "Bearer", "expires_in": 315705599,
        "scope": ["read", "write"]}
        """,
        "read write",
        expires_in=315705599,
    ),
    "linkedin": Answer(
        """
        {"access_token": "AQXdSP_W41_UPs5ioT_t8HESyODB4FqbkJ8LrV_5mff4gPODzOYR",
        "expires_in": 5184000, "scope": "email,openid,profile,w_member_social"}
        """,
        "w_member_social",
        granted="email openid profile w_member_social",
        expires_in=5184000,
    ),
    "mailchimp": Answer(
        """
        {"access_token": "5c6ccc1b000000005c6ccc1b00000000", "expires_in": 0, "scope": null}
        """,
        expires_in=None,
    ),
    "mastodon": Answer(
        """
        {"access_token": "ZA-Yj3aBD8U8Cm7lKUp-lm9O9BmDgdhHzDeqsY8tlL0", "token_type": "Bearer",
        "scope": "read", "created_at": 1573979017}
        """,
        "read",
        expires_in=None,
    ),
    "netatmo": Answer(
        """
        {"access_token": "5a0b5a0b5a0b5a0b5a0b5a0b|0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f",
        "expires_in": 10800,
        "refresh_token": "5a0b5a0b5a0b5a0b5a0b5a0b|f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0",
        "expire_in": 10800, "scope": ["read_station"]}
        """,
        "read_station",
        expires_in=10800,
    ),
    "notion": Answer(
        """
        {"access_token": "ntn_1234567890", "token_type": "bearer", "bot_id": "b1",
        "refresh_token": null, "workspace_id": "w1", "workspace_name": "Example",
        "owner": {"type": "user"}, "duplicated_template_id": null, "request_id": "r1"}
        """,
        expires_in=None,
    ),
    "okta": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "Bearer",
        "expires_in": 3600, "refresh_token": "a9VpZDRCeFh3Nkk2VdY",
        "scope": "offline_access things.read"}
        """,
        "things.read offline_access",
    ),
    "onelogin": Answer(
        """
        {"access_token": "xx508xx63817x752xx74004x30705xx9", "token_type": "bearer",
        "created_at": "2026-11-11T03:36:18.714Z", "expires_in": 36000, "account_id": 555555}
        """,
        expires_in=36000,
        grant="client credentials",
    ),
    "paypal": Answer(
        """
        {"access_token": "A21AAFEpH4PsADK7qSS7pSRsgz", "token_type": "Bearer",
        "expires_in": "32400", "app_id": "APP-80W284485P519543T",
        "nonce": "2026-11-03T15:35:36ZaYZlGvEkV4yVSz8g6bAKFoGSEzuy3CQcz3ljhibkOHg",
        "scope": "https://uri.paypal.com/services/invoicing https://api.paypal.com/v1/.*"}
        """,
        granted="https://uri.paypal.com/services/invoicing https://api.paypal.com/v1/.*",
        expires_in=32400,
        grant="client credentials",
    ),
    "reddit": Answer(
        """
        {"access_token": "1234-abcd_EF", "token_type": "bearer", "expires_in": 3600.0,
        "refresh_token": "5678-abcd_EF", "scope": "identity read"}
        """,
        "identity read",
    ),
    "salesforce": Answer(
        """
        {"access_token": "00D5g000004!AQ8AQF.x_y", "token_type": "Bearer",
        "refresh_token": "5Aep8613hy0tHCYdhwzy_x", "scope": "api refresh_token",
        "instance_url": "https://example.my.salesforce.com", "signature": "c2ln=",
        "id": "https://login.salesforce.com/id/00D/005", "issued_at": "1790000000000"}
        """,
        "api refresh_token",
        expires_in=None,
    ),
    "shopify": Answer(
        """
        {"access_token": "shpat_f85632530bf277ec", "scope": "write_orders,read_customers"}
        """,
        "read_customers write_orders",
        expires_in=None,
    ),
    "shopify, expiring, with an implied scope": Answer(
        """
        {"access_token": "shpat_f85632530bf277ec", "expires_in": 3600,
        "refresh_token": "shprt_9f8e7d6c5b4a", "scope": "write_orders",
        "refresh_token_expires_in": 7776000}
        """,
        "read_orders write_orders",
        granted="write_orders",
        missing="read_orders",
        warning="without read_orders",
    ),
    "shopify, online": Answer(
        """
        {"access_token": "shpua_f85632530bf277ec", "scope": "read_orders", "expires_in": 86399,
        "associated_user_scope": "read_orders", "associated_user": {"id": 902541635,
        "email": "ada@example.com"}}
        """,
        "read_orders",
        expires_in=86399,
    ),
    "slack": Answer(
        """
        {"ok": true, "access_token": "xoxb-17653672481-19874698323", "token_type": "bot",
        "scope": "commands,chat:write", "bot_user_id": "U0KRQLJ9H", "app_id": "A0KRD",
        "team": {"name": "Example", "id": "T9TK3CUKW"}, "enterprise": null,
        "is_enterprise_install": false, "authed_user": {"id": "U1234"}}
        """,
        "chat:write commands",
        expires_in=None,
        warning="token_type 'bot'",
    ),
    "spotify": Answer(
        """
        {"access_token": "NgCXRK-MzYj_w", "token_type": "Bearer", "expires_in": 3600,
        "refresh_token": "NgAagA-Um_SHo", "scope": "user-read-email"}
        """,
        "user-read-email",
    ),
    "square": Answer(
        """
        {"access_token": "EAAAEG7q8w9e", "token_type": "bearer", "merchant_id": "M1",
        "expires_at": "2026-12-30T17:00:00Z", "refresh_token": "EQAAEF1a2b3c",
        "refresh_token_expires_at": "2027-02-28T17:00:00Z"}
        """,
        "MERCHANT_PROFILE_READ",
        expires_in=None,
    ),
    "strava": Answer(
        """
        {"token_type": "Bearer", "expires_at": 1790021600, "expires_in": 21600,
        "access_token": "a4b945687ga4b945687ga4b945687ga4b945687g",
        "refresh_token": "e5n567567fe5n567567fe5n567567fe5n567567f", "athlete": {"id": 227615}}
        """,
        "read",
        expires_in=21600,
    ),
    "stripe": Answer(
        """
        {"access_token": "sk_test_4eC39HqLyjWDarj", "token_type": "bearer",
        "scope": "read_write", "livemode": false, "stripe_user_id": "acct_1",
        "refresh_token": "rt_1a2b3c", "stripe_publishable_key": "pk_test_1"}
        """,
        "read_write",
        expires_in=None,
    ),
    "tesla": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "Bearer",
        "expires_in": 28800, "refresh_token": "EU_1a2b3c"}
        """,
        "vehicle_device_data offline_access",
        expires_in=28800,
    ),
    "twilio": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "Bearer",
        "expires_in": 3600, "id_token": null, "refresh_token": null}
        """,
        grant="client credentials",
    ),
    "twitch": Answer(
        """
        {"access_token": "rfx2uswqe8l4g1mkagrvg5tv0ks3", "token_type": "bearer",
        "expires_in": 14124, "refresh_token": "5b93chm6hdve3mycz05zfzatkfdenfspp1h1ar2x",
        "scope": ["channel:moderate", "chat:edit"]}
        """,
        "chat:edit channel:moderate",
        expires_in=14124,
    ),
    "x": Answer(
        """
        {"access_token": "bWJjWThxSDhx-_k6MTow", "token_type": "bearer", "expires_in": 7200,
        "scope": "tweet.read users.read offline.access",
        "refresh_token": "bWRWa3gzdnk3WHRGU1o0"}
        """,
        "users.read tweet.read offline.access",
        expires_in=7200,
    ),
    "x, application": Answer(
        """
        {"access_token": "AAAAAAAAAAAA%2FAAAzbsm%3DHW9y", "token_type": "bearer"}
        """,
        expires_in=None,
        grant="client credentials",
    ),
    "xsuaa": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "bearer",
        "expires_in": 43199, "scope": "uaa.resource", "jti": "a1b2",
        "ext_attr": {"enhancer": "XSUAA"}}
        """,
        granted="uaa.resource",
        expires_in=43199,
        grant="client credentials",
    ),
    "zoho": Answer(
        """
        {"access_token": "1000.8cb99dxxxxxx.06f33xxxxxx", "token_type": "Bearer",
        "refresh_token": "1000.2deaf8d0c26.8fxxxxxx", "expires_in": 3600,
        "api_domain": "https://www.zohoapis.com"}
        """,
        "ZohoCRM.modules.ALL",
    ),
    "zoom": Answer(
        """
        {"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token_type": "bearer",
        "expires_in": 3599, "refresh_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnr",
        "scope": "meeting:read meeting:read:admin", "api_url": "https://api.zoom.us"}
        """,
        "meeting:read",
        granted="meeting:read meeting:read:admin",
        expires_in=3599,
    ),
}

WITH_SECRET: dict[str, ClientAuth | None] = {"in the form": ClientSecretPost(), "detected": None}


async def token_from(answer: Answer, client_auth: ClientAuth | None) -> Token:
    """Send a request to the API with the token of the answer, and return the token."""
    visitor = Visitor()
    grant: Grant = AuthorizationCode(open_browser=visitor)
    async with OAuthServer(auto_sign_in="Ada", allow_body_secret=True) as server:
        server.token_fault = Fault.wrong_json(answer.body)
        server.api_fault = Fault.body(b"{}")
        async with Client(
            server.client_id,
            server.client_secret,
            server.token_endpoint,
            endpoints={"authorization_endpoint": server.authorization_endpoint},
            client_auth=client_auth,
            grant=grant if answer.grant == "sign-in" else ClientCredentials(),
            scope=answer.requested,
            raise_token_errors=True,
        ) as client:
            async with client.get(server.url("/things")) as response:
                assert response.status == 200
            token = await client.token()
        await visitor.done()
        (request,) = api_log(server)
        assert request.headers.getall("Authorization") == [f"Bearer {token.access_token}"]
        assert server.token_requests == 1
    return token


@pytest.mark.rule("R021", "R024", "R027", "R032")
@pytest.mark.parametrize("client_auth", WITH_SECRET)
@pytest.mark.parametrize("name", ANSWERS)
async def test_answer_of_a_provider_is_usable_without_its_facts(
    caplog: pytest.LogCaptureFixture, name: str, client_auth: str
) -> None:
    """The token is used as it comes, and one warning at most tells what is unusual."""
    answer = ANSWERS[name]
    token = await token_from(answer, WITH_SECRET[client_auth])
    assert token.access_token == answer.body["access_token"]
    assert token.expires_in == answer.expires_in
    granted = answer.requested if answer.granted is None else answer.granted
    assert token.scope == (frozenset(granted.split()) or None)
    assert token.missing_scope == frozenset(answer.missing.split())
    assert token.refresh_token == answer.body.get("refresh_token")
    others = {key: value for key, value in answer.body.items() if key not in _STANDARD}
    assert {key: token.extra[key] for key in others} == others
    warnings = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(warnings) == (1 if answer.warning else 0)
    assert all(answer.warning in warning for warning in warnings)


@pytest.mark.parametrize(
    ("body", "members"),
    [
        (
            '{"status": 0, "body": {"userid": "363", "access_token": "a", "expires_in": 10800}}',
            "status, body",
        ),
        (
            '{"ok": true, "authed_user": {"access_token": "xoxp-1", "token_type": "user"}}',
            "ok, authed_user",
        ),
    ],
    ids=["withings", "slack, token of a person"],
)
async def test_token_inside_another_member_needs_a_provider(body: str, members: str) -> None:
    """The error says which members the answer has, and guesses nothing."""
    with pytest.raises(TokenResponseError, match=f"no access_token .* it has {members}$"):
        await token_from(Answer(body), ClientSecretPost())


async def test_scope_in_another_member_is_unknown() -> None:
    """Bitbucket's `scopes` is in `Token.extra`; the requested scope counts as granted."""
    body = '{"access_token": "rdcS-x_y=", "token_type": "bearer", "scopes": "account"}'
    token = await token_from(Answer(body, "repository"), None)
    assert token.scope == frozenset({"repository"})
    assert token.extra["scopes"] == "account"


async def test_scope_in_the_redirect_is_kept_on_demand() -> None:
    """Without a provider, the grant names the parameters of the redirect to keep."""
    visitor = Visitor(then=lambda url: url + "&scope=read")
    async with OAuthServer(auto_sign_in="Ada", allow_body_secret=True) as server:
        server.token_fault = Fault.wrong_json(ANSWERS["strava"].body)
        async with Client(
            server.client_id,
            server.client_secret,
            server.token_endpoint,
            endpoints={"authorization_endpoint": server.authorization_endpoint},
            grant=AuthorizationCode(open_browser=visitor, redirect_params=["scope"]),
            scope="read activity:read",
        ) as client:
            token = await client.token()
        await visitor.done()
    assert token.scope == frozenset({"read"})
    assert token.missing_scope == frozenset({"activity:read"})
