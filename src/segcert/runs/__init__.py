"""Runs over files: which inputs, what was asked, work that can be resumed."""
