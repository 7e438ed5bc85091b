"""The client against software that other people wrote: oidc-provider, Canaille, Chromium."""
