"""From frames to the participant's face: detection, following, choice of the person, quality."""
