"""Attacks on segmenters, and what they do to a certificate.

Here are searches for the change, turn or pose within a ball that breaks most labels, and the check
of a certificate at what they found. An attack proves nothing but that a label can be changed; no
certificate may depend on one. Files and pictures of attacks are made in `segcert.report`.
"""
