"""Engines: where blocks of draws are counted; in this process, in others, on other machines.

All give the same counts, bit by bit, for the same kind of device: which engine counted may change
how long it takes and nothing else. Ray is optional, and imported when it is asked for.
"""
