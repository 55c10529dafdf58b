"""The local library at work: found, downloaded, offered by the document, and run."""
