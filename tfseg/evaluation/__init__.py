"""What a trained network is worth: figures on a data set, pictures, speed."""
