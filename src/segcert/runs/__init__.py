"""Runs over files: which inputs, what was asked, work that can be resumed.

Here are requests, jobs, the store of records, and the loops over inputs. What is certified is
decided in the packages below: a run adds files, locks, clocks and Ctrl-C, and with the same seed
gives the same counts, however often it was interrupted. Pictures and tables are reports.
"""
