"""Finding providers: local servers by what they answer, clouds by environment variables."""
