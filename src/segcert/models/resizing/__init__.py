"""From the noisy image to the network and back: normalised, resized, in windows, labelled.

All of it comes after the noise and is part of the base model, so that a radius is one of the input
as it was given. Nothing here draws random numbers or looks at other images.
"""
