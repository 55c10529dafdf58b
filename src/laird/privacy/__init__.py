"""What may leave the house: detectors, the rules' verdicts, and reading requests for both."""
