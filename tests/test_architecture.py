"""The room table is code: what it does not allow fails to configure or to build. Each forbidden act is tried in a toy house."""

import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]

TOY = """
cmake_minimum_required(VERSION 3.28)
project(toy LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(FOREBAY_TESTS OFF)
set(FOREBAY_PRECOMPILED_HEADERS OFF)
foreach(library fmt::fmt spdlog::spdlog glaze::glaze Threads::Threads)
  add_library(${library} INTERFACE IMPORTED)
endforeach()
add_library(project_options INTERFACE)
target_include_directories(project_options INTERFACE src)
include(cmake/architecture.cmake)
include(cmake/room.cmake)
foreach(name IN LISTS ROOMS)
  if(EXISTS ${PROJECT_SOURCE_DIR}/src/${name}/CMakeLists.txt)
    add_subdirectory(src/${name})
  endif()
endforeach()
"""

HEALTHY = {
    "src/base/CMakeLists.txt": "room(base PUBLIC result.h SOURCES result.cc private.h)",
    "src/base/result.h": "#pragma once\nint base_result();\n",
    "src/base/private.h": "#pragma once\n",
    "src/base/result.cc": '#include "base/result.h"\n#include "base/private.h"\nint base_result() { return 1; }\n',
    "src/tensors/CMakeLists.txt": "room(tensors USES base PUBLIC tensor.h SOURCES tensor.cc FAKES testing/fake_tensor.h)",
    "src/tensors/tensor.h": '#pragma once\n#include "base/result.h"\n',
    "src/tensors/testing/fake_tensor.h": "#pragma once\n",
    "src/tensors/tensor.cc": '#include "tensors/tensor.h"\nint tensor() { return base_result(); }\n',
}


@pytest.fixture
def house(tmp_path):
    """Writes a toy house with some files replaced, and tells whether it configures and builds."""

    def build(changes):
        files = {"CMakeLists.txt": TOY, **HEALTHY, **changes}
        for name in ("architecture.cmake", "room.cmake", "check_includes.cmake"):
            files[f"cmake/{name}"] = (ROOT / "cmake" / name).read_text(encoding="utf-8")
        for path, text in files.items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        output = ""
        for command in (["cmake", "-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "build"], ["cmake", "--build", tmp_path / "build"]):
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            output += run.stdout + run.stderr
            if run.returncode != 0:
                return False, " ".join(output.split())
        return True, output

    return build


def test_the_healthy_house_builds(house):
    built, output = house({})
    assert built, output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"src/base/CMakeLists.txt": "room(base USES tensors PUBLIC result.h SOURCES result.cc private.h)"}, "room 'base' may not use 'tensors'"),
        (
            {"src/formats/CMakeLists.txt": "room(formats USES base tensors http SOURCES a.cc)", "src/formats/a.cc": "int a;\n"},
            "room 'formats' may not use 'http'",
        ),
        (
            {"src/text/CMakeLists.txt": "room(text USES base formats SOURCES a.cc)", "src/text/a.cc": "int a;\n"},
            "uses 'formats' before it exists",
        ),
        ({"src/base/forgotten_test.cc": "int main() {}\n"}, "has files that nothing builds: forgotten_test.cc"),
        ({"src/tensors/tensor.cc": '#include "base/private.h"\n'}, 'may not include "base/private.h"'),
        ({"src/base/result.cc": '#include "tensors/tensor.h"\n'}, "room 'base' may not include"),
        ({"src/tensors/tensor.cc": '#include "tensors/testing/fake_tensor.h"\n'}, "product code may not include the fake"),
        ({"src/base/result.cc": "#include <onnxruntime_cxx_api.h>\n"}, "<onnxruntime_cxx_api.h> belongs to another room"),
        ({"src/tensors/tensor.h": "#pragma once\n#include <glaze/glaze.hpp>\n"}, "may only be included in a .cc file"),
    ],
)
def test_a_forbidden_act_is_refused(house, changes, said):
    built, output = house(changes)
    assert not built
    assert said in output
