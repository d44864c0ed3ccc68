"""What tests of the program need and its users do not."""
