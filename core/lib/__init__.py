"""Project-free helpers; imports no app."""
