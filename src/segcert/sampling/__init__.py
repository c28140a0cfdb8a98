"""Monte-Carlo sampling: streams of noise, batches through the model, counts.

Here is everything between an input and its `Counts`, with the checks that no draw was seen before.
Each draw has a key of its own, so that blocks can be counted in any order and place, in batches of
any size. What the counts prove is not asked here.
"""
