"""Noise distributions, each with its sampler and its certified radius; one a file.

Here is also what makes sampling exact: grids, laws in exact arithmetic, words that become numbers.
Where its words come from, a noise does not know, and it knows no model. Of segcert only errors may
be imported.
"""
