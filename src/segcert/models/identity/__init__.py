"""What certificates call a model by: name, hashes of weights, files and settings, arithmetic.

Two models that could answer differently have different identities. Nothing here runs a network, and
a hash depends on what is hashed alone, not on the machine, the device or the place of a file.
"""
