"""Mutants: changes of the code that a test must notice."""
