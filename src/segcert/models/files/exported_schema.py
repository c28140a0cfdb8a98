"""What an exported program may consist of: the schema of ``torch._export.serde``, as far as needed.

Whatever is not described here is refused, unless it is empty. So no file can reach a part of
PyTorch's reader that nobody looked at: objects that are pickled, names of operators as arguments,
types of containers by name, metadata.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from segcert.models.files.exported_names import (
    TENSOR,
    Attribute,
    Expression,
    Identifier,
    Nothing,
    Number,
    RangeOf,
    Real,
    Spec,
    Text,
    Truth,
    Whole,
)


def without_empty(known: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Drop fields that are not known and say nothing; newer versions write such."""

    def dropped(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: part for key, part in value.items() if key in known or part}

    return dropped


class ProgramPart(BaseModel):
    """Part of a program; fields that are not known must be empty."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def drop_empty(cls, value: Any) -> Any:
        """Drop fields that are not known and say nothing."""
        return without_empty(cls.model_fields)(value)


class Union(ProgramPart):
    """One of several kinds, by the name of its only field."""

    @model_validator(mode="after")
    def exactly_one(self) -> "Union":
        """Refuse several kinds at once, and none."""
        if len(self.model_fields_set) != 1:
            raise ValueError("exactly one kind must be given")
        return self

    @property
    def kind(self) -> str:
        """Which kind it is."""
        return next(iter(self.model_fields_set))

    @property
    def value(self) -> Any:
        """What it holds."""
        return getattr(self, self.kind)


class Hint(Union):
    """A number that an expression had in the example."""

    as_int: Whole | None = None
    as_bool: Truth | None = None
    as_float: Real | None = None


class SizeExpression(ProgramPart):
    """An expression of sizes."""

    expr_str: Expression
    hint: Hint | None = None


class Size(Union):
    """A size, known or not."""

    as_expr: SizeExpression | None = None
    as_int: Whole | None = None


class Fraction(Union):
    """A real number, known or not."""

    as_expr: SizeExpression | None = None
    as_float: Real | None = None


class Condition(Union):
    """A condition on sizes, known or not."""

    as_expr: SizeExpression | None = None
    as_bool: Truth | None = None


class TensorDevice(ProgramPart):
    """Where a tensor is."""

    type: Literal["cpu", "cuda", "meta"]
    index: Number | None = None


class TensorMeta(ProgramPart):
    """Type and shape of a tensor."""

    dtype: Number
    sizes: list[Size]
    requires_grad: Truth
    device: TensorDevice
    strides: list[Size]
    storage_offset: Size
    layout: Number


class Named(ProgramPart):
    """A tensor by its name."""

    name: Identifier


class SizeName(Union):
    """A size by its name, or a number."""

    as_name: Identifier | None = None
    as_int: Whole | None = None


class FractionName(Union):
    """A real number by its name, or itself."""

    as_name: Identifier | None = None
    as_float: Real | None = None


class ConditionName(Union):
    """A condition by its name, or itself."""

    as_name: Identifier | None = None
    as_bool: Truth | None = None


class OptionalTensor(Union):
    """A tensor or nothing."""

    as_tensor: Named | None = None
    as_none: Truth | None = None


class SubGraph(ProgramPart):
    """A graph within a graph."""

    name: Identifier
    graph: "Graph"


class Argument(Union):
    """An argument of an operator: no names of operators, no objects, no dictionaries."""

    as_none: Truth | None = None
    as_tensor: Named | None = None
    as_tensors: list[Named] | None = None
    as_int: Whole | None = None
    as_ints: list[Whole] | None = None
    as_float: Real | None = None
    as_floats: list[Real] | None = None
    as_string: Text | None = None
    as_sym_int: SizeName | None = None
    as_sym_ints: list[SizeName] | None = None
    as_scalar_type: Number | None = None
    as_memory_format: Number | None = None
    as_layout: Number | None = None
    as_device: TensorDevice | None = None
    as_bool: Truth | None = None
    as_bools: list[Truth] | None = None
    as_sym_bool: ConditionName | None = None
    as_sym_bools: list[ConditionName] | None = None
    as_graph: SubGraph | None = None
    as_optional_tensors: list[OptionalTensor] | None = None
    as_sym_float: FractionName | None = None
    as_sym_floats: list[FractionName] | None = None
    as_optional_tensor: OptionalTensor | None = None


class NamedArgument(ProgramPart):
    """An argument with its name in the schema of the operator."""

    name: Annotated[str, Field(pattern=r"^\w*$")]
    arg: Argument
    kind: Number | None = None


class Node(ProgramPart):
    """A call of an operator."""

    target: Text
    inputs: list[NamedArgument]
    outputs: list[Argument]
    metadata: Nothing = {}
    is_hop_single_tensor_return: Truth | None = None
    name: Identifier | None = None


class Graph(ProgramPart):
    """Calls in their order, with the types of what they pass on."""

    inputs: list[Argument]
    outputs: list[Argument]
    nodes: list[Node]
    tensor_values: dict[Identifier, TensorMeta]
    sym_int_values: dict[Identifier, Size]
    sym_bool_values: dict[Identifier, Condition]
    is_single_tensor_return: Truth = False
    custom_obj_values: Annotated[dict[str, Any], Field(max_length=0)] = {}
    sym_float_values: dict[Identifier, Fraction] = {}


class UserInput(ProgramPart):
    """An input of the program."""

    arg: Argument


class ParameterInput(ProgramPart):
    """A parameter."""

    arg: Named
    parameter_name: Attribute


class BufferInput(ProgramPart):
    """A buffer."""

    arg: Named
    buffer_name: Attribute
    persistent: Truth = True


class ConstantTensorInput(ProgramPart):
    """A constant tensor."""

    arg: Named
    tensor_constant_name: Attribute


class InputSpec(Union):
    """What an input of the graph is."""

    user_input: UserInput | None = None
    parameter: ParameterInput | None = None
    buffer: BufferInput | None = None
    tensor_constant: ConstantTensorInput | None = None


def refuse_writing(_: Any) -> Any:
    """Refuse a program that changes between calls, so that its draws would depend."""
    raise ValueError(
        "it writes to its own weights, as networks exported in train mode do: call eval() first"
    )


class OutputSpec(Union):
    """What an output of the graph is: nothing is written back into weights or inputs."""

    user_output: UserInput | None = None
    buffer_mutation: Annotated[None, BeforeValidator(refuse_writing)] = None
    parameter_mutation: Annotated[None, BeforeValidator(refuse_writing)] = None
    user_input_mutation: Annotated[None, BeforeValidator(refuse_writing)] = None


class Signature(ProgramPart):
    """What inputs and outputs of the graph are."""

    input_specs: list[InputSpec]
    output_specs: list[OutputSpec]


class CallSignature(ProgramPart):
    """How the program is called."""

    inputs: list[Argument]
    outputs: list[Argument]
    in_spec: Spec
    out_spec: Spec
    forward_arg_names: list[Identifier] | None = None


class ModuleCall(ProgramPart):
    """How a module of the network is called; the first is the whole."""

    fqn: Literal[""]
    signature: CallSignature


class GraphModule(ProgramPart):
    """The graph and how it is called."""

    graph: Graph
    signature: Signature
    module_call_graph: Annotated[
        list[ModuleCall],
        BeforeValidator(lambda calls: calls[:1] if isinstance(calls, list) else calls),
        Field(min_length=1, max_length=1),
    ]
    metadata: Nothing = {}
    treespec_namedtuple_fields: Nothing = {}


class Range(ProgramPart):
    """The range of a size."""

    min_val: Whole | None = None
    max_val: Whole | None = None


class Version(ProgramPart):
    """The version of the schema."""

    major: Number
    minor: Annotated[int, Field(strict=True, ge=0, le=1000)]


class ProgramFile(ProgramPart):
    """A whole program."""

    graph_module: GraphModule
    opset_version: dict[Annotated[str, Field(pattern=r"^\w+$")], Annotated[int, Field(ge=0)]]
    range_constraints: dict[RangeOf, Range]
    schema_version: Version
    verifiers: list[Literal["TRAINING", "ATEN", ""]] = []
    torch_version: Annotated[str, Field(pattern=r"^[\w.+<=\-]*$", max_length=80)] = ""
    guards_code: list[Annotated[str, Field(max_length=20_000)]] | None = None


class Payload(ProgramPart):
    """Where in the archive a tensor is, and its shape."""

    path_name: Annotated[str, Field(pattern=rf"^{TENSOR.pattern}$")]
    is_param: Truth
    use_pickle: Literal[False]
    tensor_meta: TensorMeta


class Payloads(ProgramPart):
    """Where all tensors are."""

    config: dict[Attribute, Payload]
