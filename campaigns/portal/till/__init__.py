"""The portal's page for tills."""
