"""The client against software that other people wrote: oidc-provider, and Chromium."""
