"""Objects: where a class surely is, where it surely is not, and what of it is connected.

From counts of all classes, one class against the rest at a time. What it proves of areas, of
objects and of paths follows from two masks alone, for every attack within the radius at once.
"""
