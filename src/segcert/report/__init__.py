"""Reports: pages, pictures and tables of what certificates and runs say.

Nothing is claimed here that a certificate or a record does not say, and no model is run. Pages are
single files that load nothing from elsewhere; a radius is rounded down in them. Runs do not import
reports: they are given a writer.
"""
