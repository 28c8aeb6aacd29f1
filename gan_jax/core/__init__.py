"""The game, its state, and the one step that plays it on any number of devices."""

from gan_jax.core.devices import Devices, fitting_batch_size, local_devices
from gan_jax.core.ema import Ema
from gan_jax.core.experiment import ArraySpec, Experiment, Phase, data_inputs
from gan_jax.core.game import (
    Aux,
    Context,
    Gan,
    Monitor,
    Networks,
    Objective,
    Optimizer,
    Player,
)
from gan_jax.core.inputs import (
    Category,
    FromData,
    Input,
    Key,
    Normal,
    Sampler,
    Uniform,
    Weights,
    draw_inputs,
    fold_in_name,
    input_key,
    truncated_normal,
)
from gan_jax.core.optim import clip_weights, make_optimizer
from gan_jax.core.parallel import (
    AXIS,
    Compiled,
    axis_name_of,
    check_batch_size,
    compile_chunk,
)
from gan_jax.core.precision import PRECISIONS, Precision, matmul_precision, with_precision
from gan_jax.core.schedule import SCHEDULES, Number, Schedule, is_constant, resolve, schedule
from gan_jax.core.state import (
    GanState,
    init_optimizers,
    init_state,
    sampling_part,
    sampling_weights,
    start,
)
from gan_jax.core.step import make_chunk, make_step

__all__ = [
    "AXIS",
    "PRECISIONS",
    "SCHEDULES",
    "ArraySpec",
    "Aux",
    "Category",
    "Compiled",
    "Context",
    "Devices",
    "Ema",
    "Experiment",
    "FromData",
    "Gan",
    "GanState",
    "Input",
    "Key",
    "Monitor",
    "Networks",
    "Normal",
    "Number",
    "Objective",
    "Optimizer",
    "Phase",
    "Player",
    "Precision",
    "Sampler",
    "Schedule",
    "Uniform",
    "Weights",
    "axis_name_of",
    "check_batch_size",
    "clip_weights",
    "compile_chunk",
    "data_inputs",
    "draw_inputs",
    "fitting_batch_size",
    "fold_in_name",
    "init_optimizers",
    "init_state",
    "input_key",
    "is_constant",
    "local_devices",
    "make_chunk",
    "make_optimizer",
    "make_step",
    "matmul_precision",
    "resolve",
    "sampling_part",
    "sampling_weights",
    "schedule",
    "start",
    "truncated_normal",
    "with_precision",
]
