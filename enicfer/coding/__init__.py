"""What people see in the faces: codes, how well coders agree, what to code next, and pictures to train on.

`store` keeps what a coder says and `tracks` reads it back; `ratings` are the units that are compared, `kappa`,
`stretches` and `correlation` the numbers; `agreement` puts them together, `adjudication` finds what is to be decided.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
