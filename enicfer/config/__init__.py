"""Settings that users write: sessions, protocols and recipes as TOML, and which files of a folder count."""
