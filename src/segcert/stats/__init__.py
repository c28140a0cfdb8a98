"""Statistics on histograms of counts: pure functions in float64, no model, no device.

Here are bounds, p-values and procedures for many tests, one claim a file, each with its source. Of
segcert only errors may be imported, and no random number is drawn.
"""
