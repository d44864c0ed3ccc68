"""The page on which a customer learns to use the API, with their own keys, model and figures."""
