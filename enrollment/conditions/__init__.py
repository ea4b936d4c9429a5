"""What an audience may ask of a subscriber and a membership, a file each (enrollment.audience.condition)."""
