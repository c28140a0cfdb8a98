"""Architectures of networks, of images and of clouds: layers and functions, no files."""
