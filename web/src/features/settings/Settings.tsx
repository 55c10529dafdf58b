import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { covers, type Role, useSession } from "@/shared/session";
import { Empty, Page, Tabs } from "@/shared/ui";
import { Account } from "./Account";
import { Configuration } from "./Configuration";
import { Credentials } from "./Credentials";
import { People } from "./People";
import type { TabId } from "./search";
import { System } from "./System";

interface Tab {
  id: TabId;
  label: string;
  role: Role;
  content: ReactNode;
}

const tabs: readonly Tab[] = [
  { id: "account", label: "Account", role: "viewer", content: <Account /> },
  { id: "people", label: "People", role: "admin", content: <People /> },
  { id: "credentials", label: "Credentials", role: "operator", content: <Credentials /> },
  { id: "configuration", label: "Configuration", role: "operator", content: <Configuration /> },
  { id: "system", label: "System", role: "viewer", content: <System /> },
];

const roles: Record<Role, string> = { viewer: "viewers", operator: "operators and administrators", admin: "administrators" };

/** One's own account, who may sign in, what providers ask for, the document, and the server. */
export function Settings() {
  const { tab = "account" } = useSearch({ from: "/inside/settings" });
  const navigate = useNavigate({ from: "/settings" });
  const { role } = useSession();
  const seen = tabs.filter((one) => covers(role, one.role) || one.id === tab);
  return (
    <Page title="Settings">
      <Tabs
        name="Settings"
        value={tab}
        onChange={(id) => void navigate({ search: { tab: id } })}
        tabs={seen.map((one) => (covers(role, one.role) ? one : { ...one, content: <Closed to={one.role} /> }))}
      />
    </Page>
  );
}

function Closed({ to }: { to: Role }) {
  return (
    <Empty icon="lock" title={`This is for ${roles[to]}`}>
      An administrator can give you another role.
    </Empty>
  );
}
