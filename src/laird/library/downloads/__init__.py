"""Downloads of model files that survive broken lines, kills and full disks."""
