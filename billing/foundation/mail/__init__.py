"""What customers are told: one call for each piece of news, whichever ways it then takes."""
