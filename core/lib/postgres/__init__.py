"""Django's PostgreSQL for processes with a pool (settings.DATABASES)."""
