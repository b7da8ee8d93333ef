"""Compiles the entropy coding where a C compiler and Python's headers are available; installs without it elsewhere."""

from Cython.Build import cythonize
from setuptools import Extension, setup

PACKAGE = "captiond.imaging.jpeg"
MODULES = {
    "_native": "entropy_decoder",
    "_native_coefficients": "coefficients",
    "_native_encoder": "entropy_encoder",
    "_native_progressive": "progressive",
    "_native_progressive_encoder": "progressive_encoder",
    "_native_table": "decoder_table",
    "_native_transform": "block_transform",
}
DIRECTIVES = {
    "annotation_typing": False,  # the types are those of the .pxd files
    "cdivision": True,
    "initializedcheck": False,
    "wraparound": False,
}
# Compiled without checks of array bounds, with which reading a scan takes 18 % longer, and a long caption 3 %.
UNCHECKED = {"_native", "_native_encoder", "_native_transform"}

extensions = [
    extension
    for name, source in MODULES.items()
    for extension in cythonize(
        Extension(f"{PACKAGE}.{name}", [f"src/{PACKAGE.replace('.', '/')}/{source}.py"]),
        build_dir="build",
        compiler_directives=DIRECTIVES | {"boundscheck": name not in UNCHECKED},
        language_level=3,
    )
]
for extension in extensions:
    extension.optional = True  # `cythonize` drops the argument of this name

setup(ext_modules=extensions)
