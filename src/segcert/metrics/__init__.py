"""Metrics of certified segmentation."""
