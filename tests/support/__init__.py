"""What several test packages share: fake servers and samples of wire formats."""
