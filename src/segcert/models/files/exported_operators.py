"""The operators that exported programs may use, by full name, and with what arguments.

An operator is on the list if networks that label need it: it was seen when the networks of our
tests, those of transformers and single modules of ``torch.nn`` were exported
(``tools/list_operators.py`` prints what a program uses), or it is of the same family. None of them
opens, writes or maps a file, starts a program, reaches memory that is not a tensor's, or calls what
its arguments name. Names stand for ``torch.ops.aten.NAME``, with ``.default`` left out.
"""

import functools
from collections.abc import Iterable
from textwrap import shorten
from typing import Any

import torch

from segcert.models.files.exported_expressions import (
    SIZE_BITS,
    UnknownExpressionError,
    bits_of_constant,
    bounded,
)
from segcert.models.files.exported_schema import Argument, Graph, NamedArgument, Node

ATEN = "torch.ops.aten."
DEEPEST = 3  # graphs within graphs; autocast within no_grad is 2
WAY_OUT = (
    "leave it out of the exported network, open the network in Python with as_segmenter, or ask us "
    "to look at the operator"
)

LISTED = {
    "convolution and linear layers": """
        conv1d conv2d conv3d conv1d.padding conv2d.padding conv3d.padding convolution
        conv_transpose1d conv_transpose2d.input conv_transpose3d.input
        linear bilinear matmul mm bmm mv dot addmm addmv baddbmm addbmm outer einsum tensordot
        kron linalg_cross cross cdist cosine_similarity embedding
        lstm.input gru.input rnn_tanh.input rnn_relu.input
    """,
    "normalisation": """
        batch_norm _native_batch_norm_legit_no_training native_batch_norm instance_norm group_norm
        native_group_norm layer_norm native_layer_norm rms_norm
        linalg_vector_norm linalg_norm norm.Scalar norm.ScalarOpt_dim norm.ScalarOpt_dtype
        norm.ScalarOpt_dim_dtype
    """,
    "activation": """
        relu relu_ relu6 relu6_ leaky_relu leaky_relu_ prelu _prelu_kernel elu elu_ selu selu_ celu
        celu_ gelu silu silu_ mish mish_ hardswish hardswish_ hardsigmoid hardsigmoid_ hardtanh
        hardtanh_ sigmoid sigmoid_ tanh tanh_ softplus softmax.int _softmax log_softmax.int
        _log_softmax glu log_sigmoid threshold threshold_ hardshrink softshrink rrelu rrelu_
    """,
    "attention": """
        scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu
    """,
    "pooling": """
        max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices
        max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
        adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d adaptive_max_pool1d
        adaptive_max_pool2d adaptive_max_pool3d max_unpool2d max_unpool3d
    """,
    "resizing and sampling": """
        upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_nearest1d.vec
        upsample_nearest2d.vec upsample_nearest3d.vec _upsample_nearest_exact1d
        _upsample_nearest_exact2d _upsample_nearest_exact3d _upsample_nearest_exact1d.vec
        _upsample_nearest_exact2d.vec _upsample_nearest_exact3d.vec upsample_linear1d
        upsample_linear1d.vec upsample_bilinear2d upsample_bilinear2d.vec upsample_trilinear3d
        upsample_trilinear3d.vec upsample_bicubic2d upsample_bicubic2d.vec
        _upsample_bilinear2d_aa _upsample_bilinear2d_aa.vec _upsample_bicubic2d_aa
        _upsample_bicubic2d_aa.vec grid_sampler grid_sampler_2d grid_sampler_3d
        affine_grid_generator pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle
        im2col col2im unfold
    """,
    "padding": """
        pad constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d
        replication_pad2d replication_pad3d _pad_circular _pad_enum
    """,
    "dropout and other randomness, for networks that declare it": """
        dropout dropout_ feature_dropout feature_dropout_ alpha_dropout alpha_dropout_
        feature_alpha_dropout feature_alpha_dropout_ native_dropout rand randn randint randint.low
        randperm rand_like randn_like randint_like randint_like.low_dtype bernoulli bernoulli.p
        bernoulli_.float uniform_ normal_ exponential_ normal.Tensor_float normal.float_Tensor
        normal.Tensor_Tensor normal.float_float multinomial
    """,
    "arithmetic": """
        add.Tensor add.Scalar add_.Tensor add_.Scalar sub.Tensor sub.Scalar sub_.Tensor sub_.Scalar
        rsub.Scalar rsub.Tensor mul.Tensor mul.Scalar mul_.Tensor mul_.Scalar div.Tensor div.Scalar
        div.Tensor_mode div.Scalar_mode div_.Tensor div_.Scalar floor_divide floor_divide.Scalar
        floor_divide_.Scalar floor_divide_.Tensor remainder.Scalar remainder.Tensor
        fmod.Scalar fmod.Tensor pow.Tensor_Scalar
        pow.Tensor_Tensor pow.Scalar pow_.Scalar pow_.Tensor float_power.Tensor_Scalar square sqrt
        sqrt_ rsqrt rsqrt_ reciprocal reciprocal_ neg neg_ abs abs_ sign sgn exp exp_ exp2 expm1
        log log_ log2 log10 log1p
        sin sin_ cos cos_ tan sinh cosh asin acos atan atan2 asinh acosh atanh erf erfc erfinv
        sinc floor floor_ ceil ceil_ round round_ round.decimals trunc trunc_ frac frac_
        clamp clamp.Tensor clamp_ clamp_.Tensor
        clamp_min clamp_min_ clamp_max clamp_max_ clip clip.Tensor maximum minimum fmax fmin
        lerp.Scalar lerp.Tensor addcmul addcdiv hypot logaddexp xlogy.Tensor heaviside nan_to_num
        nan_to_num_
        deg2rad rad2deg logit special_logit special_expit lgamma digamma i0
        where.self where.ScalarOther where.ScalarSelf where.Scalar
        bitwise_and.Tensor bitwise_and.Scalar bitwise_or.Tensor bitwise_or.Scalar bitwise_xor.Tensor
        bitwise_xor.Scalar bitwise_not bitwise_left_shift.Tensor_Scalar
        bitwise_right_shift.Tensor_Scalar bitwise_left_shift.Tensor bitwise_right_shift.Tensor
        __and__.Tensor __and__.Scalar __or__.Tensor __or__.Scalar __xor__.Tensor __xor__.Scalar
        __lshift__.Scalar __rshift__.Scalar __lshift__.Tensor __rshift__.Tensor
        fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2 fft_fftn fft_ifftn fft_rfft fft_irfft fft_fft
        fft_ifft fft_fftshift fft_ifftshift real imag view_as_real view_as_complex complex angle
    """,
    "comparison": """
        eq.Scalar eq.Tensor ne.Scalar ne.Tensor lt.Scalar lt.Tensor le.Scalar le.Tensor gt.Scalar
        gt.Tensor ge.Scalar ge.Tensor logical_and logical_or logical_not logical_xor isnan isinf
        isfinite isclose bucketize.Tensor searchsorted.Tensor
    """,
    "reduction": """
        mean mean.dim sum sum.dim_IntList prod prod.dim_int amax amin aminmax max max.dim max.other
        min min.dim min.other std std.dim std.correction var var.dim var.correction var_mean
        var_mean.dim var_mean.correction std_mean std_mean.dim std_mean.correction logsumexp cumsum
        cumprod median median.dim argmax argmin any any.dim any.dims all all.dim all.dims
        count_nonzero count_nonzero.dim_IntList quantile quantile.scalar histc nansum trace
    """,
    "sorting": "sort sort.stable argsort argsort.stable topk kthvalue",
    "shape": """
        view view.dtype reshape _unsafe_view view_as reshape_as permute transpose.int t numpy_T mT
        movedim.int movedim.intlist moveaxis.int swapaxes swapdims
        flatten.using_ints unflatten.int squeeze squeeze.dim squeeze.dims unsqueeze unsqueeze_
        squeeze_.dim expand expand_as broadcast_to repeat
        repeat_interleave.self_int repeat_interleave.self_Tensor repeat_interleave.Tensor tile cat
        concat stack hstack vstack chunk split.Tensor split_with_sizes
        split.sizes tensor_split.sections tensor_split.indices unbind.int select.int narrow
        slice.Tensor alias contiguous clone detach detach_ lift_fresh_copy lift_fresh flip roll
        rot90 atleast_1d atleast_2d atleast_3d diagonal diag diag_embed tril triu
        as_strided
    """,
    "indexing": """
        index.Tensor index_select gather take_along_dim take masked_fill.Scalar masked_fill.Tensor
        masked_fill_.Scalar masked_fill_.Tensor masked_select scatter.src scatter.value scatter_.src
        scatter_.value scatter_add scatter_add_ scatter_reduce.two index_add index_add_ index_copy
        index_fill.int_Scalar index_put index_put_ select_scatter slice_scatter copy copy_ one_hot
        nonzero
    """,
    "creation": """
        zeros ones full empty.memory_format zeros_like ones_like full_like empty_like new_zeros
        new_ones new_full new_empty arange arange.start arange.start_step linspace eye eye.m
        meshgrid meshgrid.indexing scalar_tensor fill.Scalar fill_.Scalar fill_.Tensor zero_
        tril_indices triu_indices
    """,
    "types": """
        to.dtype to.device to.other to.dtype_layout to.prim_dtype _to_copy type_as
    """,
    "sizes and checks of them": """
        sym_size.int sym_numel sym_stride.int item _local_scalar_dense _assert_scalar
        _assert_async.msg _assert_tensor_metadata sym_constrain_range sym_constrain_range_for_size
    """,
}  # fmt: skip
OPERATORS = frozenset(ATEN + (name if "." in name else f"{name}.default")
                      for names in LISTED.values() for name in names.split())  # fmt: skip
SYMBOLIC = frozenset(
    (
        *(f"_operator.{name}" for name in (
            "add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "pos", "pow", "eq", "ne",
            "lt", "le", "gt", "ge", "and_", "or_",
        )),
        *(f"torch.sym_{name}" for name in ("int", "float", "max", "min", "not", "ite", "sqrt")),
        "math.trunc",
    )
)  # on numbers: sizes and conditions on them  # fmt: skip
NUMBERS = frozenset(("as_int", "as_float", "as_bool", "as_sym_int", "as_sym_float", "as_sym_bool"))
NESTING: dict[str, tuple[frozenset[str], ...]] = {  # what comes before the graph that is called
    "torch.ops.higher_order.wrap_with_set_grad_enabled": (frozenset(("as_bool",)),),
    "torch.ops.higher_order.wrap_with_autocast": (
        frozenset(("as_string",)), frozenset(("as_scalar_type", "as_none")),
        frozenset(("as_bool",)), frozenset(("as_bool", "as_none")),
    ),
}  # fmt: skip
PASSED = frozenset(("as_tensor", "as_sym_int", "as_sym_float", "as_sym_bool"))
DEVICES = frozenset(("cpu", "cuda"))


class UnknownOperatorError(ValueError):
    """A program uses an operator, or gives it an argument, that is not on the lists."""


def check_operators(graph: Graph, depth: int = 0) -> None:
    """Refuse operators that are not listed, and arguments that their schemas do not have.

    Raises:
        UnknownOperatorError: With the operator and the way out.
        UnknownExpressionError: If a number that is worked out of sizes could become too large.
    """
    if depth > DEEPEST:
        raise UnknownOperatorError(f"it nests graphs more than {DEEPEST} deep: {WAY_OUT}")
    bits: dict[str, int] = {}
    for node in graph.nodes:
        if node.target in OPERATORS:
            check_overload(node)
        elif node.target in SYMBOLIC:
            check_symbolic(node, bits)
        elif node.target in NESTING:
            check_nested(node, depth)
        else:
            raise UnknownOperatorError(
                f"it uses the operator {shown(node.target)}, which is not on the list of those "
                f"that are known to be safe: {WAY_OUT}"
            )


def check_overload(node: Node) -> None:
    """Refuse arguments that the schema of an operator does not have, and texts that it does not.

    Raises:
        UnknownOperatorError: With the argument.
    """
    known = schema_of(node.target)
    for given in node.inputs:
        if given.name not in known:
            raise wrong(node, given, "the operator has no such argument")
        if given.arg.kind == "as_graph":
            raise wrong(node, given, "it takes no graph")
        if given.arg.kind == "as_string" and "str" not in known[given.name]:
            raise wrong(node, given, "it takes no text")


@functools.cache
def schema_of(target: str) -> dict[str, str]:
    """Types of an operator's arguments, by name.

    Raises:
        UnknownOperatorError: If this PyTorch has no such operator.
    """
    name, _, overload = target.removeprefix(ATEN).partition(".")
    found: Any = getattr(getattr(torch.ops.aten, name, None), overload, None)
    if not isinstance(found, torch._ops.OpOverload):
        raise UnknownOperatorError(
            f"it uses the operator {target}, which torch {torch.__version__} does not have: export "
            "it again with this version"
        )
    return {argument.name: str(argument.type) for argument in found._schema.arguments}


def check_symbolic(node: Node, bits: dict[str, int]) -> None:
    """Refuse anything but numbers, and numbers that could fill the memory.

    Args:
        node: A calculation with sizes.
        bits: Of the numbers so far, by name; the result is added.

    Raises:
        UnknownOperatorError: If an argument is no number.
        UnknownExpressionError: If the result could be too large.
    """
    for given in node.inputs:
        if given.arg.kind not in NUMBERS:
            raise wrong(node, given, "it takes numbers only")
    sizes = [bits_of_number(given.arg, bits) for given in node.inputs]
    found = max(sizes, default=1) + 1
    if node.target.endswith(".mul"):
        found = sum(sizes)
    elif node.target.endswith(".pow"):
        power = node.inputs[-1].arg
        if power.kind not in ("as_int", "as_float"):
            raise UnknownExpressionError("it raises a size to a power that is no number")
        found = sizes[0] * (int(abs(power.value)) + 1)
    for output in node.outputs:
        if output.kind in NUMBERS and output.value.kind == "as_name":
            bits[output.value.value] = bounded(found)


def bits_of_number(argument: Argument, bits: dict[str, int]) -> int:
    """Bits of a number that is written down, named, or not known yet."""
    if argument.kind in ("as_int", "as_float", "as_bool"):
        return bits_of_constant(argument.value)
    inner = argument.value
    if inner.kind == "as_name":
        return bits.get(inner.value, SIZE_BITS)
    return bits_of_constant(inner.value)


def check_nested(node: Node, depth: int) -> None:
    """Refuse a call of a graph that has other arguments than it must have, in any order.

    Raises:
        UnknownOperatorError: With the argument.
    """
    before = NESTING[node.target]
    kinds: Iterable[frozenset[str]] = (*before, frozenset(("as_graph",)))
    if len(node.inputs) <= len(before):
        raise UnknownOperatorError(f"it calls {node.target} without a graph: {WAY_OUT}")
    for given, allowed in zip(node.inputs, kinds, strict=False):
        if given.arg.kind not in allowed:
            raise wrong(node, given, f"{' or '.join(sorted(allowed))} belongs there")
    for given in node.inputs:
        if given.name:
            raise wrong(node, given, "it takes no arguments by name")
    if node.inputs[0].arg.kind == "as_string" and node.inputs[0].arg.value not in DEVICES:
        raise wrong(node, node.inputs[0], "it is no device")
    for given in node.inputs[len(before) + 1 :]:
        if given.arg.kind not in PASSED:
            raise wrong(node, given, "only tensors and sizes are passed on")
    check_operators(node.inputs[len(before)].arg.value.graph, depth + 1)


def wrong(node: Node, given: NamedArgument, why: str) -> UnknownOperatorError:
    """Make the error about an argument."""
    return UnknownOperatorError(
        f"it gives {shown(node.target)} the argument {given.name or '(without name)'} as "
        f"{given.arg.kind}, {why}: {WAY_OUT}"
    )


def shown(text: str) -> str:
    """Print a name of a file, shortened."""
    return shorten(repr(text), 80, placeholder=" ...")
