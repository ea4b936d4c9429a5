"""What came of surveys, exactly, for staff (P1)."""
