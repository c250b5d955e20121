"""Which pixels decide: the methods that explain one image."""
