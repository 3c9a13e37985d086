"""Builds the CPU kernels: one plain-C shared library, loaded with ctypes; everything else is in pyproject.toml.

No Python or torch headers are needed. Without GCC or Clang the install still succeeds and the plain-torch reference
runs in the library's place, which `lutgrade.ops.backend` reports.
"""

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


class BuildKernels(build_ext):
    def get_export_symbols(self, ext: Extension) -> list[str]:
        return ext.export_symbols  # a ctypes library has no PyInit function


SOURCES = "src/lutgrade/ops/csrc"
FLAGS = ["-O3", "-std=c11", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"]

setup(
    cmdclass={"build_ext": BuildKernels},
    ext_modules=[
        Extension(
            "lutgrade.ops._lut3d",
            [f"{SOURCES}/{name}.c" for name in ("lut3d", "lut3d_f64", "planes")],
            depends=[f"{SOURCES}/{name}.h" for name in ("pixels", "forward", "backward", "entry")],
            extra_compile_args=FLAGS,
            optional=True,
        )
    ],
)
