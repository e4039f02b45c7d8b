"""How the bundled recognisers were made.

two_streams : the whole recipe of the default one: a CNN beside a recurrent network that reads the strokes
one_stream : the whole recipe of the one with Sketch-a-Net: a recurrent network that reads the features of a CNN
cnn, recurrent : the two parts, trained
last_layer : the last layer of both, trained on alone
averaging, batch_norm, first_layer : what is done to weights while they are trained, and after
publish, card : calibrated, measured and written, with a model card
atlas : the atlas that is shipped with a recogniser
hours : how long each stage took
"""
