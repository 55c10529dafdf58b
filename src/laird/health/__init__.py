"""Which providers are well."""
