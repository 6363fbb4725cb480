"""All patches of Keras, TensorFlow and segmentation-models, and all uses of their private names.

A name that is gone raises an error with the package, its version and the name; a plain assignment
would do nothing. tests/test_compat.py has a test for every name: what it is used for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.metadata
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import keras

from tfseg.checks import InputError

Builder = Callable[..., keras.Model]
Class = TypeVar("Class", bound=type)


@dataclasses.dataclass(frozen=True)
class PrivateName:
    """A name that is no documented part of its package.

    Attributes:
        package: its name in pip.
        module: the module with the name.
        path: of the name in the module, such as Optimizer._all_reduce_sum_gradients.
        purpose: what tfseg does with it.
    """

    package: str
    module: str
    path: str
    purpose: str

    def owner(self) -> Any:
        """Returns the module or class that has the name.

        Raises:
            InputError: it is gone.
        """
        try:
            owner = importlib.import_module(self.module)
            for parent in self.path.split(".")[:-1]:
                owner = getattr(owner, parent)
        except (ImportError, AttributeError) as error:
            raise self.missing() from error
        self._require(owner)
        return owner

    def value(self) -> Any:
        """Returns what the name stands for.

        Raises:
            InputError: it is gone.
        """
        return getattr(self.owner(), self._attribute)

    @contextlib.contextmanager
    def replaced(self, value: Any, *, owner: Any = None) -> Iterator[None]:
        """Gives the name another value inside the context.

        Args:
            value: inside.
            owner: an object of the class that has the name; None changes the class or module.

        Raises:
            InputError: the name is gone.
        """
        if owner is None:
            owner = self.owner()
        self._require(owner)
        attributes = vars(owner)
        inherited = self._attribute not in attributes
        before = attributes.get(self._attribute)
        setattr(owner, self._attribute, value)
        try:
            yield
        finally:
            if inherited:
                delattr(owner, self._attribute)
            else:
                setattr(owner, self._attribute, before)

    def missing(self) -> InputError:
        """Returns the error for a name that is gone."""
        return _unsupported(self.package, f"there is no {self.module}.{self.path}", self.purpose)

    @property
    def _attribute(self) -> str:
        return self.path.rpartition(".")[2]

    def _require(self, owner: Any) -> None:
        if not hasattr(owner, self._attribute):
            raise self.missing()


SUM_GRADIENTS = PrivateName(
    *("keras", "keras.optimizers", "Optimizer._all_reduce_sum_gradients"),
    "apply gradients that are summed over the replicas already",
)
DEPENDENT_VARIABLES = PrivateName(
    *("tensorflow", "tensorflow.python.ops.custom_gradient", "_get_dependent_variables"),
    "trace the step of several replicas in seconds",
)
USES_ADAMW = PrivateName(
    *("keras", "keras.optimizers", "Muon._should_use_adamw"),
    "choose the variables that Muon orthogonalises",
)
ORTHOGONALIZE = PrivateName(
    *("keras", "keras.optimizers", "Muon.zeropower_via_newtonschulz5"),
    "orthogonalise the kernels of convolutions",
)
ADJUST_RATE = PrivateName(
    *("keras", "keras.optimizers", "Muon.lr_adjust"),
    "scale the updates of convolutions",
)
BUILDERS = PrivateName(
    *("segmentation-models", "segmentation_models.backbones.backbones_factory"),
    *("Backbones._models_update", "build encoders of layers that Keras 3 accepts"),
)
SWISH = PrivateName(
    *("efficientnet", "efficientnet.model", "get_swish"),
    "build EfficientNets with an activation that Keras loads by name",
)
DROPOUT = PrivateName(
    *("efficientnet", "efficientnet.model", "get_dropout"),
    "build EfficientNets with the dropout of Keras",
)
INPUT_SHAPE = PrivateName(
    *("segmentation-models", "segmentation_models.models.pspnet", "check_input_shape"),
    "build PSPNet for images of any size",
)
SPATIAL_CONTEXT = PrivateName(
    *("segmentation-models", "segmentation_models.models.pspnet", "SpatialContextBlock"),
    "build PSPNet for images of any size",
)
CONVOLUTION = PrivateName(
    *("segmentation-models", "segmentation_models.models.pspnet", "Conv1x1BnReLU"),
    "build PSPNet's pyramid",
)
SLICE = PrivateName(
    *("image-classifiers", "classification_models.models._common_blocks", "slice_tensor"),
    "save and load ResNeXts",
)
EXPAND = PrivateName(
    *("image-classifiers", "classification_models.models._common_blocks", "expand_dims"),
    "save and load squeeze-and-excitation networks",
)
NAMES = (
    *(SUM_GRADIENTS, DEPENDENT_VARIABLES, USES_ADAMW, ORTHOGONALIZE, ADJUST_RATE, BUILDERS, SWISH),
    *(DROPOUT, INPUT_SHAPE, SPATIAL_CONTEXT, CONVOLUTION, SLICE, EXPAND),
)


def gradients_are_sums(
    optimizer: keras.optimizers.Optimizer,
) -> contextlib.AbstractContextManager[None]:
    """Stops the optimizer, inside the context, from summing gradients over the replicas.

    Keras has no public way. To let it sum gradients that are divided by the number of replicas
    would be right too, and send every gradient twice: see benchmarks/training.py.
    """
    return SUM_GRADIENTS.replaced(list, owner=optimizer)


def skip_variable_search() -> contextlib.AbstractContextManager[None]:
    """Makes TensorFlow trace an all-reduce, inside the context, without a search for variables.

    An all-reduce has a custom gradient, and for each of those TensorFlow searches the graph for
    variables, with several replicas the graphs of the other replicas too, in lists. Synchronised
    batch normalisation has three all-reduces forward and as many backward, so tracing takes time
    with the cube of the depth: on two replicas of two cores the first step of Unet with resnet18
    took 103 s and takes 14, and that of Linknet with efficientnetb0 took more than 280 s and takes
    38.

    The search finds only variables of TensorFlow 1: variables that a function reads while it is
    traced are recorded anyway. There is no public way to skip it.
    """
    return DEPENDENT_VARIABLES.replaced(lambda **_: [])


def overrides(*names: PrivateName) -> Callable[[Class], Class]:
    """Returns a decorator of a class that overrides methods which its base class must still have.

    Raises:
        InputError: one of `names` is gone, so Keras would never call the method that overrides it.
    """

    def checked(kind: Class) -> Class:
        for name in names:
            name.owner()
        return kind

    return checked


@contextlib.contextmanager
def seeded_initializers(seed: int) -> Iterator[None]:
    """Seeds the initializers that are made inside the context.

    Keras draws the seed of an unseeded initializer from Python's generator, and segmentation-models
    passes no seed. The state of Python's generator is restored afterwards.

    Raises:
        InputError: Keras draws the seeds from elsewhere.
    """
    state = random.getstate()
    random.seed(seed)
    seeded = random.getstate()
    try:
        keras.initializers.GlorotUniform()
        if random.getstate() == seeded:
            fault = "initializers do not draw their seeds from Python's generator"
            raise _unsupported("keras", fault, "seed the weights of networks")
        random.setstate(seeded)
        yield
    finally:
        random.setstate(state)


def set_normalization(model: keras.Model, *, momentum: float) -> None:
    """Makes the batch normalisation of a model synchronised, and sets the momentum.

    segmentation-models has no argument for either, and a copy of the model by
    `keras.models.clone_model` would take twice the time and lose the marks of the encoder's layers.
    Keras reads both attributes when the layer is called.

    Raises:
        InputError: the layers of Keras have no such attributes.
    """
    values = {"synchronized": True, "momentum": momentum}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue
        for name, value in values.items():
            present = hasattr(layer, name)
            setattr(layer, name, value)
            if not present or layer.get_config()[name] != value:
                fault = f"BatchNormalization.{name} cannot be set"
                raise _unsupported("keras", fault, "synchronise batch normalisation")


@contextlib.contextmanager
def patched_segmentation_models(
    patched: Callable[[Builder], Builder], context_block: Callable[[Callable], Callable]
) -> Iterator[None]:
    """Changes segmentation-models, which is imported already, inside the context.

    Keras 3 refuses "/" in the names of layers, which the densenets have, and loads no function that
    it does not know by name. PSPNet computes the sizes of what it pools and enlarges when it is
    built, so it takes images of one size only.

    Args:
        patched: makes a builder of encoders of the package's builder.
        context_block: makes a block of PSPNet's pyramid of the package's 1 x 1 convolution.
    """
    for name in (SLICE, EXPAND):
        keras.saving.register_keras_serializable("tfseg")(name.value())
    models = BUILDERS.owner().models
    builders = {name: [patched(build), values] for name, (build, values) in models.items()}
    with (
        warnings.catch_warnings(),
        BUILDERS.replaced(builders),
        SWISH.replaced(lambda **_: "silu"),
        DROPOUT.replaced(lambda **_: keras.layers.Dropout),
        INPUT_SHAPE.replaced(lambda *_: None),
        SPATIAL_CONTEXT.replaced(context_block(CONVOLUTION.value())),
    ):
        # About channels other than 1 or 3, which are fine without pretrained weights.
        warnings.filterwarnings("ignore", module="keras_applications", category=UserWarning)
        yield


def _unsupported(package: str, fault: str, purpose: str) -> InputError:
    version = importlib.metadata.version(package)
    return InputError(
        f"{package} {version}: {fault}; tfseg needs this to {purpose}. Install the version that "
        "tfseg requires; pip check shows which."
    )
