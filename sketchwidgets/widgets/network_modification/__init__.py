"""What the network says without a layer or a channel."""
