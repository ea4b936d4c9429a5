"""What of the sending takes two people to change, a file each (core.access.change_kinds)."""
