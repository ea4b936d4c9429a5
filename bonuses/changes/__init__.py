"""What of the bonus takes two people to change, a file each (core.access.change_kinds)."""
