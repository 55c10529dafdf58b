"""Models on this machine: found, judged, downloaded and kept."""
