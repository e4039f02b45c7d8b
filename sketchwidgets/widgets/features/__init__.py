"""What features a network has: its atlas, its first filters, how they form and what they do not mind."""
