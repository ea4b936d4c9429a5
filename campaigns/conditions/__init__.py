"""What an audience may ask of a member's dealings with offers, a file each (enrollment.audience.condition)."""
