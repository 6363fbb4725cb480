"""All patches of Keras, TensorFlow and segmentation-models, and all uses of their private names.

If a name no longer exists, an error has the package, its version and the name; a plain assignment
would do nothing. tests/test_compat.py tests the use of every name.
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
    """A name that is not a documented part of its package.

    Attributes:
        package: name of the package in pip.
        module: the module with the name.
        path: of the name in the module, such as Optimizer._all_reduce_sum_gradients.
        purpose: what tfseg does with the name.
    """

    package: str
    module: str
    path: str
    purpose: str

    def owner(self) -> Any:
        """Returns the module or class that has the name.

        Raises:
            InputError: the name no longer exists.
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
        """Returns the value of the name.

        Raises:
            InputError: the name no longer exists.
        """
        return getattr(self.owner(), self._attribute)

    @contextlib.contextmanager
    def replaced(self, value: Any, *, owner: Any = None) -> Iterator[None]:
        """Sets the name to another value inside the context.

        Args:
            value: the value inside the context.
            owner: an object of the class that has the name; None changes the class or module.

        Raises:
            InputError: the name no longer exists.
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
        """Returns the error for a name that no longer exists."""
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
MOMENTS = PrivateName(
    *("keras", "keras.src.backend.tensorflow.nn", "_compute_moments_sync"),
    "exchange the statistics of a normalisation at once",
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
INNER_LAYERS = PrivateName(
    *("keras", "keras.layers", "Layer._flatten_layers"),
    "know the layers inside other layers",
)
KERNELS = PrivateName(
    "tensorflow",
    "tensorflow.python.framework.kernels",
    "get_registered_kernels_for_op",
    "know which operations a GPU has kernels for",
)
FUNCTION_GRAPH = PrivateName(
    "tensorflow",
    "tensorflow.python.framework.function_def_to_graph",
    "function_def_to_graph",
    "look into the functions that a graph calls",
)
NAMES = (
    *(SUM_GRADIENTS, DEPENDENT_VARIABLES, MOMENTS, USES_ADAMW, ORTHOGONALIZE, ADJUST_RATE),
    *(BUILDERS, SWISH, DROPOUT, INPUT_SHAPE, SPATIAL_CONTEXT, CONVOLUTION, SLICE, EXPAND, KERNELS),
    *(FUNCTION_GRAPH, INNER_LAYERS),
)


def gradients_are_sums(
    optimizer: keras.optimizers.Optimizer,
) -> contextlib.AbstractContextManager[None]:
    """Stops the optimizer, inside the context, from summing gradients over the replicas.

    Keras has no public way. Dividing the gradients by the number of replicas and letting Keras sum
    them would also be correct, but would send every gradient twice: see benchmarks/training.py.
    """
    return SUM_GRADIENTS.replaced(list, owner=optimizer)


def kernels_of(operation: str) -> list[Any]:
    """Returns the kernels that TensorFlow has registered for an operation, such as AddV2."""
    return list(KERNELS.value()(operation).kernel)


def graph_of(definition: Any, shapes: Any) -> Any:
    """Returns the graph of a function's definition, with shapes of its inputs or None."""
    return FUNCTION_GRAPH.value()(definition, input_shapes=shapes)


def skip_variable_search() -> contextlib.AbstractContextManager[None]:
    """Makes TensorFlow trace an all-reduce, inside the context, without a search for variables.

    An all-reduce has a custom gradient, and for each custom gradient TensorFlow searches the graph
    for variables in lists, including the graphs of all other replicas. Synchronised batch
    normalisation has an all-reduce in every layer, forward and backward, so tracing time grows with
    the cube of the depth. Without the search the first step on two replicas of two cores took 14 s
    instead of 103 s for Unet with resnet18, and 38 s instead of more than 280 s for Linknet with
    efficientnetb0, when a layer had three in each direction.

    The search finds only variables of TensorFlow 1; variables that a function reads while it is
    traced are recorded anyway. There is no public way to skip it.
    """
    return DEPENDENT_VARIABLES.replaced(lambda **_: [])


def overrides(*names: PrivateName) -> Callable[[Class], Class]:
    """Returns a class decorator that checks that the overridden methods `names` exist in Keras.

    Raises:
        InputError: a name no longer exists, so Keras would never call the overriding method.
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
        InputError: Keras does not draw the seeds from Python's generator.
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


def inner_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns a model and all layers in it, at any depth."""
    return list(INNER_LAYERS.value()(model))


def set_normalization(model: keras.Model, *, momentum: float) -> None:
    """Synchronises the batch normalisation of a model and its layers, and sets its momentum.

    segmentation-models has no argument for either, and `keras.models.clone_model` would take twice
    the time and lose the marks of the encoder's layers. Keras reads both attributes when the layer
    is called.

    Raises:
        InputError: the layers of Keras do not have these attributes.
    """
    values = {"synchronized": True, "momentum": momentum}
    for layer in inner_layers(model):
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue
        for name, value in values.items():
            present = hasattr(layer, name)
            setattr(layer, name, value)
            if not present or layer.get_config()[name] != value:
                fault = f"BatchNormalization.{name} cannot be set"
                raise _unsupported("keras", fault, "synchronise batch normalisation")


def register_functions() -> None:
    """Registers functions in the networks of segmentation-models: Keras loads only these."""
    for name in (SLICE, EXPAND):
        keras.saving.register_keras_serializable("tfseg")(name.value())


@contextlib.contextmanager
def patched_segmentation_models(
    patched: Callable[[Builder], Builder], context_block: Callable[[Callable], Callable]
) -> Iterator[None]:
    """Patches segmentation-models, which must be imported, inside the context.

    Keras 3 rejects layer names with "/", as in the densenets. PSPNet computes the sizes of its
    pooling and upsampling when it is built, so it would accept images of one size only.

    Args:
        patched: makes a builder of encoders from the package's builder.
        context_block: makes a block of PSPNet's pyramid from the package's 1 x 1 convolution.
    """
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
        # The warning about channels other than 1 or 3, which work without pretrained weights.
        warnings.filterwarnings("ignore", module="keras_applications", category=UserWarning)
        yield


def _unsupported(package: str, fault: str, purpose: str) -> InputError:
    version = importlib.metadata.version(package)
    return InputError(
        f"{package} {version}: {fault}; tfseg needs this to {purpose}. Install the version that "
        "tfseg requires; pip check shows which."
    )
