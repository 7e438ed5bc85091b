"""How a client proves who it is to the authorization server: one class a method.

`import aioalf` needs the default only, so the others are imported when they are asked for.
"""

from aioalf.client_auth.basic import ClientSecretBasic
from aioalf.client_auth.contract import ClientAuth, ClientSecret, Credentials, FormInMaking

__all__ = ("ClientAuth", "ClientSecret", "ClientSecretBasic", "Credentials", "FormInMaking")
