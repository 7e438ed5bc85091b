"""Tests against other software: oidc-provider, Canaille and Chromium."""
