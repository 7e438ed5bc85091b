"""Code that several tests share: servers, clocks, fakes."""
