"""Training of the networks: with noise, on labelled images and clouds, resumable.

Here are noise levels, augmentation, losses, the loop and its files. A trained network is a weight
file like any other: no certificate depends on how it was trained, and nothing else of segcert but
the command line imports this.
"""
