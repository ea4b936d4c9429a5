"""What a partner sees of the surveys it sponsors: totals that cannot single anyone out (P2)."""
