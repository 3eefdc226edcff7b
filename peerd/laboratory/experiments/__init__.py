"""For experiments: peers that lie on purpose. Nothing here is used by an honest daemon."""
