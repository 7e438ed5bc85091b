"""Bad input, item by item: what the caller gets, and that no login is lost by it."""
