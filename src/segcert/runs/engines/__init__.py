"""Engines: where blocks of draws are counted; in this process, in others, on other machines."""
