"""Parts of the documentation site: hooks for docs/conf.py, and the check of the built pages."""
