"""Pure tensor functions that XLA compiles: no seed, no configuration, no files; TensorFlow only.

Pixel centres lie on whole numbers and axis order is (y, x). A field is pull-back: for each output
pixel it holds the coordinates in the source at which that pixel is read.
"""
