"""Plans: what more draws would certify, predicted from a short probe. No guarantee follows.

Here are the probe, the model of probabilities fitted to it, and the draws and hours it recommends.
The draws of a probe are never those of a certificate.
"""
