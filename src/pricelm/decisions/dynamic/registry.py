"""The registry of policies: one line each; the matrix, the command line and the conformance test go by it."""

from __future__ import annotations

from pricelm.core.errors import ConfigError
from pricelm.decisions.dynamic.arm_policies import ThompsonArms, UcbArms
from pricelm.decisions.dynamic.contextual import Contextual
from pricelm.decisions.dynamic.curve_policies import Thompson, ThompsonLogit, ThompsonLoglinear, Ucb
from pricelm.decisions.dynamic.fixed_policies import Fixed, Hold, RuleBased
from pricelm.decisions.dynamic.policy import Policy, PolicyConfig
from pricelm.decisions.dynamic.records import Scene
from pricelm.knowledge.settings import nearest

POLICIES: dict[str, type[Policy]] = {
    policy.name: policy
    for policy in (
        Hold, Fixed, RuleBased, Thompson, ThompsonLoglinear, ThompsonLogit, Contextual, Ucb, ThompsonArms,
        UcbArms,
    )
}  # fmt: skip


def build_policy(name: str, scene: Scene, config: PolicyConfig = PolicyConfig()) -> Policy:
    """Make a policy by its name.

    Raises
    ------
    ConfigError
        If there is none of this name.

    Examples
    --------
    >>> sorted(POLICIES)[:3]
    ['contextual', 'fixed', 'hold']
    """
    if name not in POLICIES:
        raise ConfigError(f"expected a policy ({', '.join(POLICIES)}), got {name!r}{nearest(name, POLICIES)}")
    return POLICIES[name](scene, config)
