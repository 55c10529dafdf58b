"""A plan as plain data, for JSON and for tables."""

from __future__ import annotations

from typing import Any

from laird.domain.plan import Attempt, Plan


def explain(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain data.

    Shape: `{requested, resolved, strategy, attempts: [{position, provider, model, upstream_model,
    egress, max_retries, timeout_s, reason}], dropped: [{provider, model, reason, detail}],
    stand_ins: [as attempts]}`.
    """
    return {
        "requested": plan.requested,
        "resolved": plan.resolved,
        "strategy": plan.strategy,
        "attempts": _listed(plan.attempts),
        "dropped": [
            {
                "provider": each.provider_id,
                "model": each.model_id,
                "reason": each.reason.value,
                "detail": each.detail,
            }
            for each in plan.dropped
        ],
        "stand_ins": _listed(plan.stand_ins),
    }


def _listed(attempts: tuple[Attempt, ...]) -> list[dict[str, Any]]:
    return [
        {
            "position": position,
            "provider": attempt.provider.id,
            "model": attempt.model.id,
            "upstream_model": attempt.model.upstream_model,
            "egress": attempt.model.egress.value,
            "max_retries": attempt.max_retries,
            "timeout_s": attempt.timeout_s,
            "reason": attempt.reason,
        }
        for position, attempt in enumerate(attempts, start=1)
    ]
