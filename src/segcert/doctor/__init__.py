"""What an installation has, and whether its statistics are right."""
