"""Values that pass between the floors, and the error tree. Imports nothing of ours."""
