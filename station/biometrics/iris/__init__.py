"""Irises: segmentation of near-infrared eye images and the image metrics of ISO/IEC 29794-6.

No iris is recognised or compared here; an image without an eye is a result, not an error.
"""
