import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { ago } from "@/shared/lib/format";
import { useSession } from "@/shared/session";
import { Badge, Button, Card, Confirm, Failure, Icon, IconButton, Menu, Skeleton, Status, Table, tell } from "@/shared/ui";
import { Invitations } from "./Invitations";
import { InviteForm } from "./InviteForm";
import { type LinkMade, NewLink } from "./NewLink";
import { RoleForm } from "./RoleForm";

type Person = components["schemas"]["PersonShown"];
type Doing = { what: "role" | "remove" | "sign-out"; person: Person } | { what: "invite" } | { what: "link"; link: LinkMade } | null;

/** Who may sign in. For administrators. */
export function People() {
  const queries = useQueryClient();
  const me = useSession().person?.id;
  const [doing, setDoing] = useState<Doing>(null);
  const close = () => setDoing(null);
  const people = useQuery({ queryKey: ["people"], queryFn: () => data(api.GET("/api/people")) });
  const renew = () => {
    void queries.invalidateQueries({ queryKey: ["people"] });
    void queries.invalidateQueries({ queryKey: ["invitations"] });
  };
  const onError = (error: Error) => tell("Nothing was changed", "bad", error.message);
  const enable = useMutation({
    mutationFn: (person: Person) =>
      data(api.PATCH("/api/people/{person}", { params: { path: { person: person.id } }, body: { enabled: !person.enabled } })),
    onSuccess: (person) => {
      tell(person.enabled ? `${person.name} may sign in again` : `${person.name} is switched off`, "good", person.enabled ? undefined : "Their sessions have ended.");
      renew();
    },
    onError,
  });
  const reset = useMutation({
    mutationFn: (person: Person) => data(api.POST("/api/people/{person}/reset", { params: { path: { person: person.id } } })),
    onSuccess: (link) => {
      setDoing({ what: "link", link });
      renew();
    },
    onError,
  });
  const signOut = useMutation({
    mutationFn: (person: Person) => data(api.DELETE("/api/people/{person}/sessions", { params: { path: { person: person.id } } })),
    onSuccess: ({ ended }, person) => {
      close();
      tell(`${person.name} is signed out`, "good", ended === 1 ? "1 session has ended." : `${ended} sessions have ended.`);
    },
    onError,
  });
  const remove = useMutation({
    mutationFn: (person: Person) => data(api.DELETE("/api/people/{person}", { params: { path: { person: person.id } } })),
    onSuccess: (person) => {
      close();
      tell(`${person.name} is removed`, "good");
      renew();
    },
    onError,
  });
  const acts = (person: Person) => [
    { label: "Change the role…", icon: <Icon name="people" size={16} />, onSelect: () => setDoing({ what: "role", person }) },
    { label: "Link for another password", icon: <Icon name="key" size={16} />, onSelect: () => reset.mutate(person) },
    { label: "Sign out everywhere…", icon: <Icon name="logout" size={16} />, onSelect: () => setDoing({ what: "sign-out", person }) },
    { label: person.enabled ? "Switch off" : "Switch on", icon: <Icon name={person.enabled ? "hidden" : "eye"} size={16} />, onSelect: () => enable.mutate(person) },
    { label: "Remove…", icon: <Icon name="trash" size={16} />, danger: true, onSelect: () => setDoing({ what: "remove", person }) },
  ];
  return (
    <div className="flex flex-col gap-5">
      {people.isPending && <Skeleton lines={4} />}
      {people.isError && <Failure error={people.error} onRetry={() => void people.refetch()} />}
      {people.isSuccess && (
        <Card
          title="People"
          note="Programs and agents come with keys; people sign in."
          flush
          actions={
            <Button look="primary" small icon={<Icon name="plus" size={16} />} onClick={() => setDoing({ what: "invite" })}>
              Invite somebody
            </Button>
          }
        >
          <Table
            caption="People"
            rows={people.data.people}
            rowKey={(person) => person.id}
            columns={[
              {
                id: "name",
                name: "Name",
                cell: (person) => (
                  <span className="flex flex-col">
                    <span className="inline-flex flex-wrap items-center gap-2 font-medium">
                      {person.name}
                      {person.id === me && <Badge>you</Badge>}
                    </span>
                    <span className="text-sm text-soft md:hidden">{person.role}</span>
                  </span>
                ),
              },
              { id: "role", name: "Role", wideOnly: true, cell: (person) => <Badge tone={person.role === "admin" ? "accent" : "neutral"}>{person.role}</Badge> },
              {
                id: "state",
                name: "State",
                cell: (person) => <Status tone={person.enabled ? "good" : "neutral"}>{person.enabled ? "may sign in" : "off"}</Status>,
              },
              {
                id: "seen",
                name: "Last signed in",
                wideOnly: true,
                cell: (person) => (person.signed_in_us === null ? <span className="text-soft">never</span> : ago(person.signed_in_us / 1000)),
              },
              {
                id: "acts",
                name: "Actions",
                bare: true,
                cell: (person) => (
                  <span className="flex justify-end">
                    <Menu acts={acts(person)} trigger={<IconButton name={`What to do with ${person.name}`}><Icon name="more" /></IconButton>} />
                  </span>
                ),
              },
            ]}
          />
        </Card>
      )}
      <Invitations />
      {doing?.what === "invite" && (
        <InviteForm
          onClose={close}
          onMade={(link) => {
            setDoing({ what: "link", link });
            renew();
          }}
        />
      )}
      {doing?.what === "link" && <NewLink link={doing.link} onClose={close} />}
      {doing?.what === "role" && <RoleForm person={doing.person} self={doing.person.id === me} onClose={close} onChanged={renew} />}
      {doing?.what === "remove" && (
        <Confirm title={`Remove ${doing.person.name}?`} act="Remove them" open busy={remove.isPending} onClose={close} onConfirm={() => remove.mutate(doing.person)}>
          Their sessions end at once. What they did stays in the audit log. This can’t be undone; switching them off can.
        </Confirm>
      )}
      {doing?.what === "sign-out" && (
        <Confirm title={`Sign ${doing.person.name} out everywhere?`} act="Sign them out" open busy={signOut.isPending} onClose={close} onConfirm={() => signOut.mutate(doing.person)}>
          All their sessions end at once, in every browser. They can sign in again.
        </Confirm>
      )}
    </div>
  );
}
