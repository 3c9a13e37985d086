"""Builds the CPU kernels: one plain-C shared library, loaded with ctypes; everything else is in pyproject.toml.

No Python or torch headers are needed. Without a C compiler the install still succeeds and the plain-torch reference
runs in the library's place, which `lutgrade.ops.backend` reports.
"""

import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


class BuildKernels(build_ext):
    def get_export_symbols(self, ext: Extension) -> list[str]:
        return ext.export_symbols  # a ctypes library has no PyInit function


FLAGS = ["/O2"] if sys.platform == "win32" else ["-O3", "-std=c11", "-fno-math-errno"]

setup(
    cmdclass={"build_ext": BuildKernels},
    ext_modules=[
        Extension(
            "lutgrade.ops._lut3d",
            ["src/lutgrade/ops/csrc/lut3d.c"],
            extra_compile_args=FLAGS,
            optional=True,
        )
    ],
)
