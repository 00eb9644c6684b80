"""ISO/IEC 19794 data interchange records: finger (-4:2011), iris (-6:2011) and face (-5:2011).

What lives here: parsing and building of records with one representation, every length checked, and
decoding of the image inside. What may not: judging the picture, and any other container format.
"""
