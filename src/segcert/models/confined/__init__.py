"""Programs of others run in a process of their own that has no files, no network, no programs.

Here are the process, what the kernel forbids it, and the messages that go to it and come back. What
comes back is checked like any input.
"""
