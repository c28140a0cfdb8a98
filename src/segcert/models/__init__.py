"""Base models: everything that happens after the noise.

Imports within go one way, each line from those above it; a test holds it.

    nets, identity, resizing    networks; what names a model; from the image to the network and back
    confined                    the process that runs programs of others
    files                       what a file of a model holds, read and hashed
    protocol                    what is asked of any base model
    adapter                     Segmenter, the base model of images
    callables                   a segmenter of any module or function
    backends                    the same network run by other programs
    denoisers, opening, point_segmenter
    shipped, shipped_points     by name or path
    wrapping, opening_points    what users call
    reference                   which model, told what: all commands and workers open it by this

What decides, reads and runs is in a room; what ties rooms to a base model lies beside them.
"""
