"""Bad responses, redirects, cache files and disks: callers get an error, and no login is lost."""
