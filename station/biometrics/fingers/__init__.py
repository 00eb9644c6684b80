"""Fingerprints: slap segmentation, quality of single prints, thresholds and 1:1 comparison.

All images are 8-bit grey with dark ridges on light ground; work is done at 500 pixels per inch.
What to do about a poor print (retry, keep the best, ask a second person) is decided in recording.
"""
