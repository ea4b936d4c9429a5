"""No tables: Django sends post_migrate, on which the roles are shipped, only to apps that have this module."""
