"""What an installation has, and whether its statistics are right.

Here are the machine in words, and quick checks of bounds, noise and certificates against numbers
found another way. It changes nothing and downloads nothing; what it says is printed elsewhere.
"""
