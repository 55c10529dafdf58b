import { useState } from "react";
import type { components } from "@/client/schema";
import { Badge, Card, Segments, Table } from "@/shared/ui";

type Setting = components["schemas"]["SettingShown"];

const sources: Record<Setting["source"], string> = {
  default: "default",
  environment: "environment",
  file: ".env file",
  flag: "flag",
};

/** With what the server was started, and where each value is from. */
export function ServerSettings({ settings }: { settings: readonly Setting[] }) {
  const [wanted, setWanted] = useState<"all" | "changed">("all");
  const shown = wanted === "all" ? settings : settings.filter((setting) => setting.source !== "default");
  return (
    <Card
      title="Settings in force"
      note="Read when the server starts. Set the variable, or the flag of the same name, and start it again."
      flush
      actions={
        <Segments
          name="Which settings"
          value={wanted}
          onChange={setWanted}
          tabs={[
            { id: "all", label: "All" },
            { id: "changed", label: "Other than default" },
          ]}
        />
      }
    >
      <Table
        caption="Settings in force"
        rows={shown}
        rowKey={(setting) => setting.name}
        empty={<p className="px-5 pb-5 text-soft">Every setting has its default.</p>}
        columns={[
          {
            id: "name",
            name: "Setting",
            cell: (setting) => (
              <span className="flex flex-col">
                <code>{setting.name}</code>
                <span className="max-w-xl text-sm text-soft">{setting.meaning}</span>
              </span>
            ),
          },
          { id: "value", name: "Value", cell: (setting) => <code className="break-all">{setting.value}</code> },
          { id: "source", name: "From", cell: (setting) => <Badge tone={setting.source === "default" ? "neutral" : "accent"}>{sources[setting.source]}</Badge> },
        ]}
      />
    </Card>
  );
}
