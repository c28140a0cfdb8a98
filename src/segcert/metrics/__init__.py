"""Metrics of certified segmentation: pure functions of labels, masks and the truth.

Here are certified accuracy, intersections over unions, their worst case within the radius, and
information gain. Pixels and points with label 255 count in none. Nothing here samples, reads files
or runs a model.
"""
