import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "@/shared/lib/api";
import { type Budget, budgetsQuery } from "@/shared/money/budgets";
import { useMay } from "@/shared/session";
import { Button, Card, Confirm, Empty, Failure, Icon, Page, Skeleton, tell } from "@/shared/ui";
import { BudgetAlerts } from "./BudgetAlerts";
import { BudgetCard } from "./BudgetCard";
import { BudgetForm } from "./BudgetForm";

/** What may be spent, by whom, and how far it is spent. */
export function Budgets() {
  const queries = useQueryClient();
  const may = useMay("operator");
  const budgets = useQuery(budgetsQuery);
  const [form, setForm] = useState<Budget | "new" | null>(null);
  const [leaving, setLeaving] = useState<Budget | null>(null);
  const renew = () => queries.invalidateQueries({ queryKey: ["budgets"] });
  const change = useMutation({
    mutationFn: (budget: Budget) =>
      data(api.PATCH("/api/budgets/{name}", { params: { path: { name: budget.id } }, body: { enabled: !budget.enabled } })),
    onSuccess: (budget) => {
      tell(budget.enabled ? `${budget.name} holds again` : `${budget.name} is switched off`, "good");
      void renew();
    },
    onError: (error) => tell("The budget was not changed", "bad", error.message),
  });
  const remove = useMutation({
    mutationFn: (budget: Budget) => data(api.DELETE("/api/budgets/{name}", { params: { path: { name: budget.id } } })),
    onSuccess: (budget) => {
      setLeaving(null);
      tell(`${budget.name} is removed`, "good");
      void renew();
    },
    onError: (error) => tell("The budget was not removed", "bad", error.message),
  });
  const create = (
    <Button look="primary" icon={<Icon name="plus" size={16} />} disabled={!may} onClick={() => setForm("new")}>
      New budget
    </Button>
  );
  const all = budgets.data?.budgets ?? [];
  return (
    <Page
      title="Budgets"
      note="What may be spent by everybody, a key, a workflow or at a provider. A request that costs money needs room in all that hold for it."
      actions={create}
    >
      {budgets.isPending && <Skeleton lines={3} tall />}
      {budgets.isError && <Failure error={budgets.error} onRetry={() => void budgets.refetch()} />}
      {budgets.isSuccess && all.length === 0 && (
        <Card>
          <Empty icon="budget" title="There is no budget yet" action={create}>
            Nothing limits what is spent. A budget refuses, goes local or warns when its limit is reached.
          </Empty>
        </Card>
      )}
      {all.length > 0 && (
        <div className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
          {all.map((budget) => (
            <BudgetCard
              key={budget.id}
              budget={budget}
              may={may}
              busy={change.isPending}
              onChange={() => setForm(budget)}
              onSwitch={() => change.mutate(budget)}
              onRemove={() => setLeaving(budget)}
            />
          ))}
        </div>
      )}
      {budgets.isSuccess && <BudgetAlerts may={may} />}
      {form !== null && <BudgetForm budget={form === "new" ? null : form} onClose={() => setForm(null)} />}
      <Confirm
        title={`Remove ${leaving?.name ?? ""}?`}
        act="Remove it"
        open={leaving !== null}
        busy={remove.isPending}
        onClose={() => setLeaving(null)}
        onConfirm={() => leaving !== null && remove.mutate(leaving)}
      >
        Its limit holds no longer, from now on. What was spent stays in the ledger, and its alerts stay. Switching it off would keep the rest of it.
      </Confirm>
    </Page>
  );
}
