"""Flower's quick start with PyTorch: client_app.py as it stands, and task.py but for its data.

A test can't download those.
"""
