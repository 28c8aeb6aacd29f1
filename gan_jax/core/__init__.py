"""The game, its state, and the one step that plays it on any number of devices."""

from gan_jax.core.game import (
    Aux,
    Context,
    Ema,
    Experiment,
    Gan,
    Networks,
    Objective,
    Phase,
    Player,
    Sampler,
)
from gan_jax.core.names import check_name
from gan_jax.core.optim import clip_weights, make_optimizer, make_schedule
from gan_jax.core.parallel import (
    AXIS,
    Compiled,
    axis_name_of,
    check_batch_size,
    compile_chunk,
)
from gan_jax.core.state import (
    GanState,
    init_optimizers,
    init_state,
    sampling_params,
    start,
)
from gan_jax.core.step import make_chunk, make_step

__all__ = [
    "AXIS",
    "Aux",
    "Compiled",
    "Context",
    "Ema",
    "Experiment",
    "Gan",
    "GanState",
    "Networks",
    "Objective",
    "Phase",
    "Player",
    "Sampler",
    "axis_name_of",
    "check_batch_size",
    "check_name",
    "clip_weights",
    "compile_chunk",
    "init_optimizers",
    "init_state",
    "make_chunk",
    "make_optimizer",
    "make_schedule",
    "make_step",
    "sampling_params",
    "start",
]
