"""The game, its state, and the one step that plays it on any number of devices."""

from gan_jax.core.devices import Devices, fitting_batch_size, local_devices
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
from gan_jax.names import check_name

__all__ = [
    "AXIS",
    "Aux",
    "Compiled",
    "Context",
    "Devices",
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
    "fitting_batch_size",
    "init_optimizers",
    "init_state",
    "local_devices",
    "make_chunk",
    "make_optimizer",
    "make_schedule",
    "make_step",
    "sampling_params",
    "start",
]
