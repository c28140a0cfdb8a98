"""Hash the weights of a model: certificates name the model by it."""

import hashlib
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class OfFile:
    """A function that a file describes: not its weights alone, but what is done with them.

    Args:
        weights_sha256: Hash of the file.
    """

    weights_sha256: str


def weights_hash(model: object) -> str:
    """Hash the weights of a module, or the file of a program; "none" for a plain function."""
    if isinstance(model, OfFile):
        return model.weights_sha256
    return hash_weights(model) if isinstance(model, nn.Module) else "none"


def hash_weights(module: nn.Module) -> str:
    """Hash names, types, shapes and values of all weights and buffers, saved ones or not."""
    digest = hashlib.sha256()
    tensors = module.state_dict() | dict(module.named_buffers())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(
            tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        )
    return digest.hexdigest()
