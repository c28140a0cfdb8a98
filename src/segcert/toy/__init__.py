"""Segmentation without a network: components that are wrong at random, and what gets certified.

Here is the toy study of the paper, with dependent components too: how often procedures err and what
they certify. Truth is known, so the guarantee itself is measured. Figures are drawn by commands.
"""
