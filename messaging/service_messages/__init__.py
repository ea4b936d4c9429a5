"""What the programme says of itself: a file each, named by its kind (docs/recipes.md)."""
