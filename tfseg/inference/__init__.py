"""From a trained run to instances: the segmenter, prediction of files, export."""
