"""Inputs: images, volumes and clouds, each read and hashed once, and all that their kinds decide.

No model, no draw and no page is in here. Other packages ask an input for its kind, and look up by
it what they do; what a kind is, is decided here alone.
"""
