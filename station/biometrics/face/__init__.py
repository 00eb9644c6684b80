"""Faces: detection, landmarks, pose, eyes and position in the picture, for guidance and judging.

The networks are data files of another package, checked by SHA-256 before each load. No face is
recognised or compared here, and nothing is judged by absolute brightness.
"""
