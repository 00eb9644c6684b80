"""The face camera and the iris camera: OpenCV's VideoCapture on network streams and V4L2 devices.

What lives here: the settings and addresses of cameras, the one thread that owns a capture object,
what is known about its line, the choice of the sharpest frame, and OpenCV's environment variables.
It is the only place that may touch `cv2.VideoCapture`. What may not: judging a face or an eye,
drawing, any other kind of device. Importing this package does not import cv2.
"""
