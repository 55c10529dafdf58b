"""The document, its checks and its home; and the settings of the server itself."""
