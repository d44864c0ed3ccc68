"""One module per operation; each takes its order and gives the `result` object."""

from typing import Any

from voice_pipeline import spec
from voice_pipeline.adapters.kinds import load
from voice_pipeline.operations import condition, export, inspect, rebuild, sample, train, verify
from voice_pipeline.reporting import Report


def run(order: spec.Spec, report: Report) -> dict[str, Any]:
    """Do what the order says. Raises PipelineError, or Cancelled."""
    if isinstance(order, spec.Inspect):
        return inspect.run(order, report)
    engine = load(order.engine.kind, order.engine.engine_dir)
    report.emit("engine", **engine.describe().facts())
    match order:
        case spec.Condition():
            return condition.run(order, engine, report)
        case spec.Verify():
            return verify.run(order, engine, report)
        case spec.Sample():
            return sample.run(order, engine, report)
        case spec.Train():
            return train.run(order, engine, report)
        case spec.Export():
            return export.run(order, engine, report)
        case spec.Rebuild():
            return rebuild.run(order, engine, report)
