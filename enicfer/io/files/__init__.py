"""Files whatever they hold: written whole, named safely, read only as far as they can be believed."""
