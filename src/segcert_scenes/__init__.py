"""Drawn streets and shapes, with exact labels: data sets that need no download.

Here is what draws them, from numbers alone. Nothing here knows of models, noise or certificates:
of segcert only its errors may be imported.
"""
