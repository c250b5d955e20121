"""From a trace and an alignment to segments, trials and numbers on their quality; nothing here touches files."""
