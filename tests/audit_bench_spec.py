"""A set-up of the audit's bench, set by hand."""

from bench.audit_specs import PLANTED, Spec

SPEC = Spec(
    name="by hand",
    half="tuned",
    setup=PLANTED,
    backbone="plain",
    animals=("bear", "cow", "sheep"),
    pool=11,
    seed=3,
    cue="corner logo",
    style=2,
    prevalence=1.0,
    classes=(1,),
)
