"""Certificates: from counts to a statement that holds, and files that prove it."""
