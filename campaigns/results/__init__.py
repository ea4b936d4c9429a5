"""What became of campaigns: exact for staff, rounded for partners (ADR 0021)."""
