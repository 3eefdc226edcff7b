"""What a daemon measures of itself, in Prometheus' text format (docs/operate/watch.md)."""
