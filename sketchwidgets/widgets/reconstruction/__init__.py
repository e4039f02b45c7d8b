"""Inputs that a class, a unit or features ask for."""
