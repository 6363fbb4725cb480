"""`import tfseg` has no side effects, and works after any other import."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tfseg

STUB = Path(tfseg.__file__).with_suffix(".pyi")
PUBLIC = [
    name
    for name in ast.literal_eval(
        next(
            ast.unparse(node.value)
            for node in ast.parse(STUB.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign)
        )
    )
    if not name.startswith("__")
]
SETTINGS = ("SM_FRAMEWORK", "KERAS_BACKEND", "TF_USE_LEGACY_KERAS", "TF_CPP_MIN_LOG_LEVEL")


def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment | variables,
        check=False,
    )


def test_importing_tfseg_prints_nothing_changes_no_variable_and_loads_no_tensorflow():
    code = (
        "import os, sys\n"
        "before = dict(os.environ)\n"
        "import tfseg\n"
        "assert dict(os.environ) == before\n"
        "loaded = {'tensorflow', 'keras', 'numpy', 'pandas'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    result = run(code)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_resolves_and_has_a_docstring(name):
    assert inspect.getdoc(getattr(tfseg, name))


def test_dir_and_all_list_the_public_names():
    assert set(PUBLIC) <= set(dir(tfseg))
    assert set(PUBLIC) <= set(tfseg.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        tfseg.no_such_name  # noqa: B018


IMPORT = (
    "from tfseg.networks.backbones import segmentation_models as load\n"
    "package = load()\n"
    "assert package.framework() == 'tf.keras', package.framework()\n"
    "assert callable(package.Unet)\n"
)
# Keras imports OpenCV where albumentations has installed it, and OpenCV sets LD_LIBRARY_PATH.
UNCHANGED = (
    "import contextlib\nimport os\nwith contextlib.suppress(ImportError):\n    import cv2\n"
    "before = dict(os.environ)\n{}assert dict(os.environ) == before\n"
)


@pytest.mark.parametrize(
    "code",
    [
        # A first `import tfseg` loads nothing of TensorFlow: the two contain the others.
        pytest.param(IMPORT, marks=pytest.mark.exhaustive),
        "import keras\n" + IMPORT,
        pytest.param("import tfseg\nimport keras\n" + IMPORT, marks=pytest.mark.exhaustive),
        "import tfseg\n"
        + IMPORT
        + "import segmentation_models\nassert segmentation_models is package",
    ],
    ids=["first", "after keras", "keras after tfseg", "segmentation_models after tfseg"],
)
def test_segmentation_models_is_imported_without_side_effects_in_any_order(code):
    result = run(UNCHANGED.format(code + "\n"))
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""


def test_segmentation_models_warns_of_nothing_when_python_compiles_it(tmp_path):
    compile_anew = f"import sys\nsys.pycache_prefix = {str(tmp_path)!r}\n"
    errors = "import keras\nimport warnings\nwarnings.simplefilter('error')\n" + compile_anew
    result = run(UNCHANGED.format(errors + IMPORT))
    assert result.returncode == 0, result.stderr


def test_a_segmentation_models_that_the_user_imported_is_used():
    code = "import segmentation_models as mine\n" + IMPORT + "assert package is mine\n"
    result = run(UNCHANGED.format(code), SM_FRAMEWORK="tf.keras")
    assert result.returncode == 0, result.stderr


def test_a_choice_of_framework_by_the_user_is_restored_after_the_import():
    result = run(UNCHANGED.format(IMPORT), SM_FRAMEWORK="keras")
    assert result.returncode == 0, result.stderr


def test_legacy_keras_is_refused_with_the_remedy():
    result = run(IMPORT, TF_USE_LEGACY_KERAS="1")
    assert result.returncode == 1
    assert "TF_USE_LEGACY_KERAS" in result.stderr.splitlines()[-1]
