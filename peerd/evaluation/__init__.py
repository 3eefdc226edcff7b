"""How good predictions are: numbers, their 95 % intervals, and a picture of them. NumPy alone."""
