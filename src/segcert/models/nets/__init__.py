"""Architectures of networks, of images and of clouds: layers and functions, no files.

A network takes a batch that `resizing` prepared and gives scores. Where its weights come from, how
they were trained and what noise is added, it does not know.
"""
