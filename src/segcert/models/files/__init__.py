"""Files of models, ours and those of other programs: each is read, checked and hashed here.

A file is data: nothing in it is evaluated, and programs go to `confined`. What is read is the
network, the names of its classes and how it wants its input; a file that is damaged, or does not
say what is needed, is refused with its name.
"""
