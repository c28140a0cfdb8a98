"""Noise distributions, each with its sampler and its certified radius."""
