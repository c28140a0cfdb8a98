"""Certificates: from counts to a statement that holds, and files that prove it.

Here is what is claimed (labels, radius, words), how it follows from counts, how it is written and
read, and what `verify` and `replay` check. What is claimed follows from the counts and what was
fixed before the draws, nothing else: no clock, no look at other images, no attack.
"""
