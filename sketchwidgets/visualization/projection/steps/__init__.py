"""The backward rules, and what each kind of operation sends down: convolutions, pools, pointwise steps, shapes."""
