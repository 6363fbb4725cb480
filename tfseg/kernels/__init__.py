"""Pure tensor functions that XLA compiles: TensorFlow only, without seeds, files and configuration.

Pixel centres lie on whole numbers and axis order is (y, x). A field is pull-back: it holds, for
each output pixel, the source coordinates to read.
"""
