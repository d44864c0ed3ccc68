"""In-app notices: the bell with what people were told, and banners of what needs doing."""
