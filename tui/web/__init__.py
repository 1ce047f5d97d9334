"""The wizard in a browser: server, driver, its own certificate."""
