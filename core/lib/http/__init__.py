"""Requests to other systems by HTTP: one client, and a breaker that lets a system rest that fails."""
