"""When each option of each command has an effect: a parameter that is not here fails a test.

An option is here for what it does, not for its value: where nothing would read it, it is refused.
Values that contradict each other are refused by what reads them.
"""

from collections.abc import Mapping

from segcert.cli.effects import (
    CLOUDS,
    IMAGES,
    Call,
    Need,
    Needs,
    always,
    excluded_by,
    needs,
)
from segcert.noise.registry import names_with

CUDA = Need(
    lambda call: str(call.values["device"]).startswith("cuda"),
    lambda call: f"needs --device cuda, got {call.values['device']}",
)
NAMED = Need(
    lambda call: not call.values["statement"].startswith("count"),
    lambda call: f"needs --statement labels, got {call.values['statement']}",
)
POSE = needs("noise", *names_with("shift_sigma"))
TURN = needs("noise", *names_with("axis"))  # about one axis
INT8 = needs("backend", "openvino-int8")
REPLAY = needs("replay")
OPENED = Need(
    lambda call: call.has("replay") or call.has("model"), lambda _: "needs --model or --replay"
)
CLUSTER, NO_CLUSTER = needs("cluster"), excluded_by("cluster")
MEASURED = excluded_by("seconds_per_draw")
NO_PLAN = excluded_by("plan")
CLASSES = needs("task", "segmentation")
ONE_SETTING = excluded_by("figures")


NETWORK = (
    "pad", "channels", "layout", "output_layout", "input_range", "mean", "std", "output_name",
    "returns", "binary", "threshold", "regions", "class_count",
)  # fmt: skip


def coordinates_move(call: Call) -> bool:
    """Whether coordinates are attacked, not rotations or poses."""
    from segcert.attacks.ways import VALUES, way_of

    return way_of(call.certificate.counts.noise) == VALUES


def is_random(call: Call) -> bool:
    """Whether an attack draws anything."""
    restarts = call.values["restarts"] != 0
    return restarts or call.has("against", ("smoothed",)) or not coordinates_move(call)


COORDINATES = Need(
    coordinates_move, lambda _: "is for attacks on values, and this certificate is of movements"
)
RANDOM = Need(is_random, lambda _: "needs --restarts or --against smoothed, which draw")


def of_data(name: str) -> Need:
    """With a data set that takes this argument."""

    def taken(call: Call) -> tuple[str, ...]:
        from segcert.data.sets import RULES

        rule = RULES[call.values["data"]]
        return rule.needed + rule.optional

    def words(call: Call) -> str:
        options = ", ".join("--" + one.replace("_", "-") for one in taken(call))
        return f"is not of --data {call.values['data']}, which takes only {options}"

    return Need(lambda call: name in taken(call), words)


TRUTH = {
    "truth": (IMAGES,),
    "mask_values": (IMAGES, needs("truth")),
    "mask_ignore": (IMAGES, needs("truth")),
    "mask_orientation": (IMAGES, needs("truth")),
}
CERTIFY = {name: (*needed, NAMED) for name, needed in TRUTH.items()} | always(
    "images", "model", "plan", "seed", "device", "batch_size", "out", "overwrite"
) | dict.fromkeys(
    ("noise", "sigma", "tau", "alpha", "n0", "n", "statement"), (NO_PLAN,)
) | dict.fromkeys(("correction", "drop_below", "stop_when"), (NO_PLAN, NAMED)) | {
    "shift_sigma": (NO_PLAN, CLOUDS, POSE),
    "jitter_sigma": (NO_PLAN, CLOUDS, POSE),
    "axis": (NO_PLAN, CLOUDS, TURN),
    "columns": (CLOUDS,),
    "category": (CLOUDS,),
    "normals": (CLOUDS,),
    "votes": (CLOUDS,),
    "up": (CLOUDS,),
    "looks": (NO_PLAN, needs("stop_when")),
    "blocks": (NO_PLAN, IMAGES, NAMED),
    "ignore": (IMAGES,),
    "tree": (NO_PLAN, IMAGES, NAMED),
    "radius_map": (IMAGES, NAMED),
    "scale": (IMAGES,),
    "denoiser": (IMAGES,),
    "smooth_scores": (IMAGES,),
    "smooth_neighbours": (CLOUDS,),
    **dict.fromkeys(NETWORK, (IMAGES,)),
    "backend": (IMAGES,),
    "precision": (IMAGES, excluded_by("backend", "openvino-int8")),
    "calibration": (IMAGES, INT8),
    "int8_file": (IMAGES, INT8),
}  # fmt: skip
DEMO = always("points", "scene", "tau", "n0", "n", "seed", "out")
TRAIN = always(
    "data", "out", "start_from", "sigma", "sigma_range", "sigma_list", "epochs", "batch_size",
    "learning_rate", "seed", "threads", "device", "devices", "tensorboard",
) | {
    "root": (needs("data", "camvid", "cityscapes", "pascal_context", "shapenet_part"),),
    "label_order": (needs("data", "pascal_context"),),
    "category": (needs("data", "shapenet_part"),),
    "scenes": (needs("data", "synthetic", "shapes"),),
    "images": (needs("data", "folder"),),
    "masks": (needs("data", "folder"),),
    "classes": (needs("masks"),),
    "mask_values": (needs("masks"),),
    "mask_ignore": (needs("masks"),),
    "mask_orientation": (needs("masks"),),
    "task": (IMAGES,),
    "denoise_for": (IMAGES, needs("task", "denoising")),
    "denoise_weight": (IMAGES, needs("denoise_for")),
    "architecture": (CLASSES,),
    "normals": (CLOUDS,),
    "points": (CLOUDS,),
    "consistency": (IMAGES, CLASSES),
    "consistency_copies": (IMAGES, needs("consistency")),
    "consistency_lambda": (IMAGES, needs("consistency")),
    "consistency_eta": (IMAGES, needs("consistency")),
    "class_weights": (IMAGES, CLASSES),
    "crop": (IMAGES,),
    "scales": (IMAGES,),
    "jitter": (IMAGES,),
    "mixed_precision": (CUDA,),
}  # fmt: skip
EVALUATE = always(
    "data", "out", "model", "plan", "seed", "subset", "device", "batch_size", "engine"
) | dict.fromkeys(("sigma", "tau", "n", "n0", "alpha", "statement"), (NO_PLAN,)) | {
    "correction": (NO_PLAN, NAMED),
    "noise": (NO_PLAN, CLOUDS),
    "shift_sigma": (NO_PLAN, CLOUDS, POSE),
    "jitter_sigma": (NO_PLAN, CLOUDS, POSE),
    "axis": (NO_PLAN, CLOUDS, TURN),
    "normals": (CLOUDS,),
    "votes": (CLOUDS,),
    "scale": (IMAGES,),
    "denoiser": (IMAGES,),
    "smooth_scores": (IMAGES,),
    "smooth_neighbours": (CLOUDS,),
    **dict.fromkeys(NETWORK, (IMAGES,)),
    "backend": (IMAGES,),
    "precision": (IMAGES, excluded_by("backend", "openvino-int8")),
    "calibration": (IMAGES, INT8),
    "int8_file": (IMAGES, INT8),
    "root": (of_data("root"),),
    "split": (of_data("split"),),
    "category": (of_data("category"),),
    "label_order": (of_data("label_order"),),
    "resize": (of_data("resize"),),
    "images": (of_data("images"),),
    "masks": (of_data("masks"),),
    "classes": (of_data("classes"),),
    "mask_values": (of_data("mask_values"),),
    "mask_ignore": (of_data("mask_ignore"),),
    "mask_orientation": (of_data("mask_orientation"),),
    "class_map": (IMAGES,),
    "scenes": (of_data("scenes"),),
    "workers": (needs("engine", "processes", "ray"),),
    "address": (needs("engine", "ray"),),
}  # fmt: skip
ATTACK = TRUTH | always(
    "image", "certificate", "model", "smoothed", "against", "radius", "steps", "n", "device", "out"
) | {
    "columns": (CLOUDS,),
    "denoiser": (IMAGES,),
    "target": (COORDINATES,),
    "restarts": (COORDINATES,),
    "draws": (needs("against", "smoothed"),),
    "seed": (RANDOM,),
}  # fmt: skip
TOY = always("repetitions", "seed", "figures") | dict.fromkeys(
    ("gamma", "n", "n0", "components", "bad", "tau", "alpha", "as_json"), (ONE_SETTING,)
)
REPORT = always("run", "others", "format", "label", "out")
VERIFY = always("certificate", "replay", "image", "model") | {
    "columns": (needs("image"), CLOUDS),
    "denoiser": (OPENED, IMAGES),
    "backend": (OPENED, IMAGES),
    "calibration": (OPENED, IMAGES),
    "int8_file": (OPENED, IMAGES),
    "device": (REPLAY,),
    "fresh": (REPLAY,),
    "ignore": (IMAGES,),
}
MODELS = always("model") | dict.fromkeys(NETWORK, (needs("model"),))
PLAN = always("images", "batch_size", "cluster") | {
    "model": (MEASURED,),
    "noise": (MEASURED,),
    "scale": (MEASURED,),
    **dict.fromkeys(NETWORK, (MEASURED,)),
    "denoiser": (MEASURED,),
    "smooth_scores": (MEASURED,),
    "device": (MEASURED,),
    "sigma": (NO_CLUSTER,),
    "probe": (NO_CLUSTER,),
    "alpha": (NO_CLUSTER,),
    "radius": (NO_CLUSTER,),
    "tau": (NO_CLUSTER,),
    "share": (NO_CLUSTER,),
    "n0": (NO_CLUSTER,),
    "seed": (NO_CLUSTER,),
    "as_json": (NO_CLUSTER,),
    "write": (NO_CLUSTER,),
    "inputs": (CLUSTER,),
    "draws": (CLUSTER,),
    "seconds_per_draw": (CLUSTER,),
    "price": (CLUSTER,),
}
DOCTOR = always("json")

TABLES: Mapping[str, Mapping[str, Needs]] = {
    "demo": DEMO,
    "plan": PLAN,
    "certify": CERTIFY,
    "verify": VERIFY,
    "attack": ATTACK,
    "evaluate": EVALUATE,
    "report": REPORT,
    "models": MODELS,
    "train": TRAIN,
    "toy": TOY,
    "doctor": DOCTOR,
}
