"""What came of surveys: counted in the database, exact for staff, rounded for sponsors."""
