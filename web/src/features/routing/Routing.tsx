import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMay } from "@/shared/session";
import { Page, Tabs } from "@/shared/ui";
import { Explain } from "./Explain";
import { Rules } from "./Rules";

/** Where requests go: the rules in force, and what they make of one request. */
export function Routing() {
  const { tab = "rules" } = useSearch({ from: "/inside/routing" });
  const navigate = useNavigate({ from: "/routing" });
  const may = useMay("operator");
  const note = "Which model serves a request, what may leave the house, and what is answered from memory.";
  if (!may) {
    return (
      <Page title="Routing" note={note}>
        <Rules />
      </Page>
    );
  }
  return (
    <Page title="Routing" note={note}>
      <Tabs
        name="Routing"
        value={tab}
        onChange={(id) => void navigate({ search: (before) => ({ ...before, tab: id }), replace: true })}
        tabs={[
          { id: "rules", label: "Rules in force", content: <Rules /> },
          { id: "explain", label: "Explain a request", content: <Explain /> },
        ]}
      />
    </Page>
  );
}
