"""Hash the weights of a model: certificates name the model by it."""

import hashlib

import torch
from torch import nn

from segcert.models.adapter import Model


def weights_hash(model: Model) -> str:
    """Hash the weights of a module; "none" for a plain function."""
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
