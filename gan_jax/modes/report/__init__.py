"""`--mode=report`: a self-contained page about a run, or about several.

from gan_jax.modes.report import report
print(report(["runs/dcgan"]))
"""

from gan_jax.modes.report.charts import ReportError
from gan_jax.modes.report.report_run import report

__all__ = ["ReportError", "report"]
