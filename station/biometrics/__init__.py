"""Judging of captures: arrays in, assessments out.

Here live the measures, limits and findings for finger, face and iris images, the segmentation of
slaps, the 1:1 comparison of prints and the image codecs. Nothing here knows a device, a session, a
screen or a language: no I/O but the model files of `face` and the paths given to `codecs`.
"""
