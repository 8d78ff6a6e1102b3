"""What the web page is made of on the server: languages, assets, models."""
