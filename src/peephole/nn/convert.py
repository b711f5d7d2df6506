"""`convert`: our layers in the place of every `torch.nn.LSTM`, `GRU` and `RNN` of a model, with the parameters that it has."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from torch.nn import Module

from peephole.errors import OptionError, check_choice
from peephole.nn.twins import is_replaceable, obstacle, title, twin
from peephole.ops import backends

_ROOT = "(the module itself)"


@dataclasses.dataclass(frozen=True, repr=False)
class Conversion:
    """What `convert` did; its printed form says it line by line.

    Attributes:
        module: the module that was given, or what stands in for it if it was a recurrent layer itself.
        replaced: path of each layer that was replaced → what it is now, as printed. A layer that stands in several places has
            all its paths, joined by ``" = "``.
        left: path of each recurrent module that was left as it is → why.
    """

    module: Module
    replaced: Mapping[str, str]
    left: Mapping[str, str]

    def __repr__(self) -> str:
        count = len(self.replaced)
        lines = [
            f"convert: {count} layer{'' if count == 1 else 's'} replaced, {len(self.left)} left as found"
        ]
        width = max(map(len, [*self.replaced, *self.left]), default=0)
        lines += [f"  {path:<{width}}  now {layer}" for path, layer in self.replaced.items()]
        lines += [f"  {path:<{width}}  left: {reason}" for path, reason in self.left.items()]
        return "\n".join(lines)


@dataclasses.dataclass
class _Found:
    """A recurrent module of the model, where it stands, and what is done with it."""

    module: Module
    places: list[tuple[Module | None, str]]  # parent and name in it; None: the root
    paths: list[str]
    reason: str | None


def convert(module: Module, *, backend: str = "auto") -> Conversion:
    """Replace every `torch.nn.LSTM`, `torch.nn.GRU` and `torch.nn.RNN` of a model, in place.

    Nothing is copied: the new layers have the very parameters of the old ones, so that an optimiser, weights tied elsewhere,
    ``requires_grad``, dtypes and devices stay as they are. So do buffers, hooks and their handles, parametrisations, weight
    normalisation, whether the layer trains, and whatever else was set on it. A layer that stands in several places is replaced by
    one. The state dict is the same as before, and torch's random numbers are not touched.

    Convert before `torch.compile`, `torch.jit.script`, FSDP or quantisation. A layer that cannot be replaced without losing
    something is left, and named with the reason. A layer that no module registers (in a plain list, say) cannot be seen.

    Args:
        module: a model, or a single recurrent layer.
        backend: of the new layers: ``"auto"``, or the name of a backend (`peephole.ops.backends`).

    Returns:
        What was replaced and what was left. ``.module`` is the model, or the replacement of a single layer.

    Raises:
        TypeError: `module` is no `torch.nn.Module`.
        OptionError: the module that was given is itself one that cannot be converted; the message says why.

    Example:
        >>> import torch
        >>> model = torch.nn.ModuleDict({"body": torch.nn.LSTM(3, 5), "step": torch.nn.GRUCell(5, 5)})
        >>> convert(model)
        convert: 1 layer replaced, 1 left as found
          body  now peephole.nn.LSTM(3, 5)
          step  left: a single step, which has nothing to gain; peephole.nn.GRUCell has the same interface
        >>> convert(torch.nn.GRU(3, 5)).module
        GRU(3, 5)
    """
    if not isinstance(module, Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"convert: module must be a torch.nn.Module; got {type(module).__name__}")
    check_choice("convert", "backend", backend, ("auto", *(info.name for info in backends())))
    found: dict[int, _Found] = {}
    for parent, name, path, child in _places(module, None, "", "", set()):
        if id(child) not in found:
            reason = obstacle(child)
            if reason is None and not is_replaceable(child):
                continue
            found[id(child)] = _Found(child, [], [], reason)
        found[id(child)].places.append((parent, name))
        found[id(child)].paths.append(path or _ROOT)
    own = found.get(id(module))
    if own is not None and own.reason is not None:
        raise OptionError(f"convert: {title(module)} cannot be converted; {own.reason}")

    # All are made before the first is put in its place: whatever fails, fails before the model is changed.
    twins = {key: twin(one.module, backend) for key, one in found.items() if one.reason is None}
    root, replaced, left = module, dict[str, str](), dict[str, str]()
    for key, one in found.items():
        path = " = ".join(one.paths)
        if one.reason is not None:
            left[path] = one.reason
            continue
        for parent, name in one.places:
            if parent is None:
                root = twins[key]
            else:
                parent.register_module(name, twins[key])
        replaced[path] = f"peephole.nn.{_one_line(twins[key])}"
    return Conversion(root, MappingProxyType(replaced), MappingProxyType(left))


def _places(
    module: Module, parent: Module | None, name: str, path: str, entered: set[int]
) -> Iterator[tuple[Module | None, str, str, Module]]:
    """Every place of every module: parent, name in it, path, module. What cannot be changed inside is not entered."""
    yield parent, name, path, module
    if id(module) in entered or is_replaceable(module) or obstacle(module) is not None:
        return
    entered.add(id(module))
    for key, child in vars(module)[
        "_modules"
    ].items():  # named_children leaves out the second name of a child
        if child is not None:
            yield from _places(child, module, key, f"{path}.{key}" if path else key, entered)


def _one_line(module: Module) -> str:
    return f"{title(module)}({module.extra_repr()})"
