"""What a run reports: metrics, progress, images, plots, tables. Generic over dicts and pytrees."""

from gan_jax.telemetry.compilation import compiling
from gan_jax.telemetry.metrics import (
    NOT_FINITE,
    MetricsLog,
    NonFiniteLossError,
    check_finite,
    read_metrics,
)
from gan_jax.telemetry.plots import plot_group, plot_groups
from gan_jax.telemetry.plotter import Plotter
from gan_jax.telemetry.progress import ProgressBar, duration, say
from gan_jax.telemetry.summary import environment, parameter_table
from gan_jax.telemetry.tensorboard import TensorBoard

__all__ = [
    "NOT_FINITE",
    "MetricsLog",
    "NonFiniteLossError",
    "Plotter",
    "ProgressBar",
    "TensorBoard",
    "check_finite",
    "compiling",
    "duration",
    "environment",
    "parameter_table",
    "plot_group",
    "plot_groups",
    "read_metrics",
    "say",
]
