"""Inputs and data sets: files read and checked, with labels where there are any.

Here are images, clouds and their files, one data set a file, and the tables of data sets by name.
What is read is checked here, with errors that name the file. Noise, models and certificates may not
be imported, and no data is shipped: `segcert_scenes` draws what the demo needs.
"""
