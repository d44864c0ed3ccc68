"""What an operator asks when something does not work: each part of the installation, tried, and what to do about it."""
