import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import type { Role } from "@/shared/session";
import { Button, Choice, Dialog, Failure, Field, tell } from "@/shared/ui";
import { asRole, roleOptions } from "./roles";

interface RoleFormProps {
  person: components["schemas"]["PersonShown"];
  /** It is about who is signed in. */
  self: boolean;
  onClose: () => void;
  onChanged: () => void;
}

/** What somebody may. */
export function RoleForm({ person, self, onClose, onChanged }: RoleFormProps) {
  const queries = useQueryClient();
  const [role, setRole] = useState<Role>(person.role);
  const change = useMutation({
    mutationFn: () => data(api.PATCH("/api/people/{person}", { params: { path: { person: person.id } }, body: { role } })),
    onSuccess: () => {
      tell(`${person.name} is ${role} now`, "good", "In force at once.");
      if (self) void queries.invalidateQueries({ queryKey: ["session"] });
      onChanged();
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <Dialog
      title={`The role of ${person.name}`}
      open
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form="role-form" busy={change.isPending} disabled={role === person.role}>
            Change it
          </Button>
        </>
      }
    >
      <form id="role-form" onSubmit={submit} className="flex flex-col gap-4 py-1">
        <Field label="Role">
          <Choice value={role} options={roleOptions} onChange={(value) => setRole(asRole(value))} />
        </Field>
        {self && role !== person.role && <p className="text-sm text-warn">This is you: you can’t give yourself the role back.</p>}
        {change.isError && <Failure error={change.error} />}
      </form>
    </Dialog>
  );
}
