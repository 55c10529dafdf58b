"""The names of the administration API's operations, as clients made from its description call them.

**A new route gets its name here**, or by `operation_id` where it is written. Names are unique, in
camel case, and begin with what is done.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.routing import APIRoute

from laird.api.admin.policy import path_name

OPERATIONS: Mapping[str, str] = {
    "GET /api/system": "getSystem",
    "GET /api/keys": "listKeys",
    "POST /api/keys": "createKey",
    "PATCH /api/keys/{name}": "changeKey",
    "DELETE /api/keys/{name}": "revokeKey",
    "GET /api/budgets": "listBudgets",
    "POST /api/budgets": "createBudget",
    "GET /api/budgets/{name}": "showBudget",
    "PATCH /api/budgets/{name}": "changeBudget",
    "DELETE /api/budgets/{name}": "removeBudget",
    "GET /api/alerts": "listAlerts",
    "POST /api/alerts/{alert_id}/acknowledge": "acknowledgeAlert",
    "GET /api/cache": "getCache",
    "DELETE /api/cache": "clearCache",
    "GET /api/providers": "listProviders",
    "POST /api/providers": "addProvider",
    "GET /api/providers/kinds": "listProviderKinds",
    "POST /api/providers/discover": "discoverProviders",
    "PATCH /api/providers/{provider_id}": "changeProvider",
    "DELETE /api/providers/{provider_id}": "removeProvider",
    "POST /api/providers/{provider_id}/test": "testProvider",
    "POST /api/providers/{provider_id}/models": "takeModels",
    "GET /api/providers/{provider_id}/health": "getProviderHealth",
    "GET /api/models": "listModels",
    "GET /api/library/machine": "inspectMachine",
    "GET /api/library/recommended": "listRecommendedModels",
    "GET /api/library/search": "searchHub",
    "GET /api/library/repositories/{owner}/{name}": "showRepository",
    "GET /api/library/downloads": "listDownloads",
    "POST /api/library/downloads": "pullModel",
    "GET /api/library/downloads/{download_id}": "showDownload",
    "POST /api/library/downloads/{download_id}/pause": "pauseDownload",
    "POST /api/library/downloads/{download_id}/resume": "resumeDownload",
    "DELETE /api/library/downloads/{download_id}": "cancelDownload",
    "GET /api/library/models": "listInstalledModels",
    "GET /api/library/models/{model_id}": "showInstalledModel",
    "PATCH /api/library/models/{model_id}": "changeInstalledModel",
    "POST /api/library/models/{model_id}/offer": "offerInstalledModel",
    "DELETE /api/library/models/{model_id}": "removeInstalledModel",
    "GET /api/library/models/{model_id}/update": "checkForUpdate",
    "POST /api/library/models/{model_id}/run": "runInstalledModel",
    "POST /api/library/models/{model_id}/stop": "stopInstalledModel",
    "GET /api/library/models/{model_id}/log": "showModelLog",
    "GET /api/chains": "listChains",
    "PUT /api/chains/{chain_id}": "putChain",
    "DELETE /api/chains/{chain_id}": "removeChain",
    "GET /api/prices": "listPrices",
    "GET /api/prices/calculate": "calculatePrice",
    "POST /api/prices/calculate": "calculatePrices",
    "GET /api/config": "getConfiguration",
    "PUT /api/config": "replaceConfiguration",
    "POST /api/config/check": "checkConfiguration",
    "GET /api/config/history": "listConfigurationChanges",
    "GET /api/config/history/{change_id}": "showConfigurationChange",
    "POST /api/config/history/{change_id}/rollback": "rollBackConfiguration",
    "GET /api/routing": "getRouting",
    "POST /api/routing/explain": "explainRequest",
    "GET /api/privacy": "getPrivacy",
    "POST /api/privacy/check": "checkPrivacy",
    "GET /api/usage/summary": "summarizeUsage",
    "GET /api/usage/totals": "totalUsage",
    "GET /api/usage/series": "getUsageSeries",
    "GET /api/usage/latency": "getLatency",
    "GET /api/usage/top": "listDearestRequests",
    "GET /api/usage/attempts": "listAttempts",
    "GET /api/usage/receipts": "listReceipts",
    "GET /api/recommendations": "listRecommendations",
    "POST /api/reconcile": "reconcileReport",
}


def operation_name(route: APIRoute) -> str:
    """Return a route's operation id; that of its function where it has no other name."""
    method = min(route.methods or {"GET"})
    return OPERATIONS.get(f"{method} {path_name(route.path)}", route.name)
