import { useMutation } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { ApiError, api, data } from "@/shared/lib/api";
import type { Role } from "@/shared/session";
import { Button, Choice, Dialog, Failure, Field, TextInput } from "@/shared/ui";
import type { LinkMade } from "./NewLink";
import { asRole, roleOptions } from "./roles";

const spans = [
  { value: "24", label: "A day" },
  { value: "72", label: "3 days" },
  { value: "168", label: "A week" },
  { value: "720", label: "30 days" },
] as const;

/** A link by which somebody comes in. */
export function InviteForm({ onClose, onMade }: { onClose: () => void; onMade: (link: LinkMade) => void }) {
  const [role, setRole] = useState<Role>("viewer");
  const [name, setName] = useState("");
  const [hours, setHours] = useState("72");
  const invite = useMutation({
    mutationFn: () => data(api.POST("/api/invitations", { body: { role, name: name.trim() === "" ? null : name.trim(), hours: Number(hours) } })),
    onSuccess: onMade,
  });
  const param = invite.error instanceof ApiError ? invite.error.param : null;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    invite.mutate();
  };
  return (
    <Dialog
      title="Invite somebody"
      note="They choose their own password behind a link that works once."
      open
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form="invite-form" busy={invite.isPending}>
            Make the link
          </Button>
        </>
      }
    >
      <form id="invite-form" onSubmit={submit} className="flex flex-col gap-4 py-1">
        <Field label="Role">
          <Choice value={role} options={roleOptions} onChange={(value) => setRole(asRole(value))} />
        </Field>
        <Field label="Name" hint="Empty: they choose it." error={param === "name" ? invite.error?.message : null}>
          <TextInput value={name} onValueChange={setName} />
        </Field>
        <Field label="The link is good for">
          <Choice value={hours} options={spans} onChange={setHours} />
        </Field>
        {invite.isError && param !== "name" && <Failure error={invite.error} />}
      </form>
    </Dialog>
  );
}
