"""Compiles the scan decoder where a C compiler and Python's headers are available; installs without it elsewhere."""

from Cython.Build import cythonize
from setuptools import Extension, setup

DECODER = "src/captiond/imaging/jpeg/entropy_decoder.py"
DIRECTIVES = {
    "annotation_typing": False,  # the types are those of _native.pxd
    "boundscheck": True,  # no measurable cost
    "cdivision": True,
    "initializedcheck": False,
    "wraparound": False,
}

extensions = cythonize(
    [Extension("captiond.imaging.jpeg._native", [DECODER])],
    build_dir="build",
    compiler_directives=DIRECTIVES,
    language_level=3,
)
for extension in extensions:
    extension.optional = True  # `cythonize` drops the argument of this name

setup(ext_modules=extensions)
