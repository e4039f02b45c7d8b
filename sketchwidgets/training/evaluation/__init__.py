"""How good a recogniser is, and how well it knows.

evaluate : right, early, steady and calibrated, over the strokes of drawings
calibrate : temperatures, and the confidence from which a recogniser says that it knows
onset : when a label is first right, and from when on it stays right
reliability : whether it is right as often as its confidence says
scribbles : drawings of nothing, which no recogniser should claim to know
intervals : 95 % confidence intervals
shares : the shares of a drawing that are measured
"""
