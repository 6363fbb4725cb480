"""What runs on the host beside a GPU, and where the operations of a graph would run on a GPU.

The second is a fact of the wheel, known without a GPU: the kernels that TensorFlow registers say
for which devices and types an operation has one, and which of its tensors they keep in the memory
of the host. So a graph that was traced on a CPU shows what would be copied in every step.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import tensorflow as tf

from tfseg.compat import graph_of, kernels_of

GPU, HOST, CPU, ASSIGNED = "GPU", "host memory", "CPU only", "assigned to the host"
_HOST_DEVICE = "CPU:0"
_COMPILED = "_XlaMustCompile"
# What computes nothing: it hands on a tensor where it is.
_WITHOUT_KERNEL = {"Placeholder", "NoOp", "Identity", "IdentityN"}
# The number of the first argument among the inputs of an operation that calls functions.
_FIRST_ARGUMENT = {"If": 1, "StatelessIf": 1, "Case": 1, "StatelessCase": 1}


class Node(NamedTuple):
    """An operation of a graph, and where it would run.

    Attributes:
        name: of the operation.
        operation: its type, such as AddV2.
        device: GPU; HOST, where its kernel for GPUs keeps a tensor in the memory of the host; CPU,
            where no kernel for GPUs takes its types; or ASSIGNED.
        elements: of the largest tensor that is not on the GPU; infinite if its shape is not known.
    """

    name: str
    operation: str
    device: str
    elements: float


def host() -> contextlib.AbstractContextManager[None]:
    """Assigns operations to the host: normalising images, decoding maps, and counting instances.

    They work on int32 ids, which TensorFlow's kernels for GPUs keep in the memory of the host, and
    some have no such kernel: of the 516 operations that decode center_offset, 86 would copy a map
    of the image's size from the GPU or to it. On the host, the maps are copied once: 16 bytes a
    pixel, 4 MB for 512 x 512, a third of a millisecond at 12 GB/s.
    """
    return tf.device(_HOST_DEVICE)


def nodes(function: Any) -> Iterator[Node]:
    """Yields the operations of a concrete function, and of all functions that it calls.

    Those of a function that XLA compiles have a kernel if XLA has one for GPUs.
    """
    for operation, is_compiled in _operations(function):
        if operation.type not in _WITHOUT_KERNEL:
            yield _node(operation, is_compiled=is_compiled)


def held_by_host(function: Any, *, at_least: int) -> list[Node]:
    """Returns the operations with tensors of so many elements that a GPU does not hold.

    Those that `host` assigns are not among them.
    """
    return [
        node for node in nodes(function) if node.device in (HOST, CPU) and node.elements >= at_least
    ]


def moved_to_host(function: Any, *, at_least: int) -> list[tf.Tensor]:
    """Returns the results of so many elements that what `host` assigns takes from a GPU.

    The arguments of the function are not among them: they come from the host.
    """
    moved = {
        tensor.ref(): tensor
        for operation, _ in _operations(function)
        if _is_assigned(operation)
        for tensor in operation.inputs
        if not (_is_assigned(tensor.op) or tensor.op.type == "Placeholder")
        if _elements([tensor]) >= at_least
    }
    return list(moved.values())


def moved_between_devices(function: Any) -> list[tuple[tf.Tensor, str]]:
    """Returns what goes from one device to another, each tensor with its destination.

    TensorFlow copies a tensor once to each device that reads it. In a step of several replicas that
    copy their values, these are all exchanges: an all-reduce of one tensor over n replicas has
    2 (n - 1) copies, which are added up in a tree and then sent back. Operations without a device
    are not counted.
    """
    moved = {
        (tensor.ref(), device): (tensor, device)
        for operation, _ in _operations(function)
        if (device := _device(operation))
        for tensor in operation.inputs
        if tensor.dtype != tf.resource and _device(tensor.op) not in ("", device)
    }
    return list(moved.values())


def not_for_xla(function: Any) -> list[str]:
    """Returns the operations that XLA has no kernel for, or whose results have no fixed shape.

    XLA takes some of the second kind, but not all of them then have the right values.
    """
    return sorted(
        {
            operation.type
            for operation, _ in _operations(function)
            if operation.type not in _WITHOUT_KERNEL
            if _elements(operation.outputs) == math.inf
            or _kernel(operation, ("XLA_GPU_JIT",)) is None
        }
    )


def _operations(function: Any) -> Iterator[tuple[Any, bool]]:
    """Yields the operations of a function and of those that it calls, and if XLA compiles them."""
    library = function.graph.as_graph_def().library.function
    definitions = {definition.signature.name: definition for definition in library}
    graphs = [(function.graph, False)]
    for graph, is_compiled in graphs:
        for operation in graph.get_operations():
            yield operation, is_compiled
            for name in _called(operation):
                definition = definitions[name]
                marks = (operation.node_def.attr, definition.attr)
                inside = is_compiled or any(mark[_COMPILED].b for mark in marks)
                graphs.append((_graph(definition, operation), inside))


def _node(operation: Any, *, is_compiled: bool) -> Node:
    name, kind = operation.name, operation.type
    everything = _elements([*operation.inputs, *operation.outputs])
    if _is_assigned(operation):
        return Node(name, kind, ASSIGNED, everything)
    kernel = _kernel(operation, ("XLA_GPU_JIT",) if is_compiled else ("GPU", "DEFAULT"))
    if kernel is None:
        return Node(name, kind, CPU, everything)
    if is_compiled:
        return Node(name, kind, GPU, 0)
    held = _elements(_arguments(operation, set(kernel.host_memory_arg)))
    return Node(name, kind, HOST if held else GPU, held)


def _is_assigned(operation: Any) -> bool:
    return operation.device.endswith(_HOST_DEVICE)


def _device(operation: Any) -> str:
    """Returns the device of an operation, such as GPU:0; empty if it has none."""
    return str(operation.device.rpartition("device:")[2])


def _elements(tensors: list[Any]) -> float:
    """Returns the number of elements of the largest tensor; infinite if a shape is not known."""
    shapes = [tensor.shape for tensor in tensors]
    return max(
        (shape.num_elements() if shape.is_fully_defined() else math.inf for shape in shapes),
        default=0,
    )


def _kernel(operation: Any, devices: tuple[str, ...]) -> Any:
    """Returns the kernel that one of the devices would take for an operation, or None."""
    attributes = operation.node_def.attr
    for kernel in _kernels(operation.type, devices):
        if all(
            {attributes[one.name].type, *attributes[one.name].list.type} - {0}
            <= set(one.allowed_values.list.type)
            for one in kernel.constraint
        ):
            return kernel
    return None


@functools.cache
def _kernels(operation: str, devices: tuple[str, ...]) -> list[Any]:
    """Returns the kernels of an operation for the devices, in their order."""
    _register_kernels_of_xla()
    registered = kernels_of(operation)
    return [
        kernel
        for device in devices
        for kernel in registered
        if kernel.device_type == device and not kernel.label
    ]


@functools.cache
def _register_kernels_of_xla() -> None:
    """Compiles something: only then does XLA register its kernels, for all devices."""
    tf.function(tf.negative, jit_compile=True, autograph=False)(tf.zeros([]))


def _arguments(operation: Any, names: set[str]) -> list[Any]:
    """Returns the tensors of the arguments with these names."""
    attributes, definition = operation.node_def.attr, operation.op_def
    result: list[Any] = []
    for arguments, tensors in (
        (definition.input_arg, operation.inputs),
        (definition.output_arg, operation.outputs),
    ):
        remaining = iter(tensors)
        for argument in arguments:
            count = 1
            if argument.number_attr:
                count = attributes[argument.number_attr].i
            elif argument.type_list_attr:
                count = len(attributes[argument.type_list_attr].list.type)
            taken = [next(remaining) for _ in range(count)]
            result += taken if argument.name in names else []
    return result


def _called(operation: Any) -> list[str]:
    """Returns the names of the functions that an operation calls."""
    values = operation.node_def.attr.values()
    functions = [function for value in values for function in (value.func, *value.list.func)]
    return [function.name for function in functions if function.name]


def _graph(definition: Any, caller: Any) -> Any:
    """Returns the graph of a function, with the shapes that its caller gives it."""
    given = list(caller.inputs)[_FIRST_ARGUMENT.get(caller.type, 0) :]
    is_call = len(given) == len(definition.signature.input_arg)
    shapes = [tensor.shape for tensor in given] if is_call else None
    return graph_of(definition, shapes)
