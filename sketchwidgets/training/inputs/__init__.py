"""What a network is given of many drawings.

images : pictures of random prefixes, changed at random
stroke_set : the strokes, for a recurrent network that reads them
features : what a CNN makes of every prefix, kept on disk
"""
