"""What an audience may ask of the bonus, a file each (enrollment.audience.condition)."""
