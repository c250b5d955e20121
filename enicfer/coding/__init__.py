"""What people see in the faces: codes, how well coders agree, what to code next, and pictures to train on.

`store` keeps what a coder says; `tracks` reads it back.
"""
