import { useNavigate, useSearch } from "@tanstack/react-router";
import { hasEnded, useDownloads, useLibraryEvents } from "@/shared/library/data";
import { MachineCard } from "@/shared/library/MachineCard";
import { useMay } from "@/shared/session";
import { Page, Tabs } from "@/shared/ui";
import { Browse } from "./Browse";
import { Downloads } from "./Downloads";
import { InstalledModels } from "./Installed";
import { Recommended } from "./Recommended";
import type { LibrarySearch } from "./search";

/** Models that run on this machine: found, downloaded and looked after. */
export function Library() {
  const { tab = "recommended" }: LibrarySearch = useSearch({ from: "/inside/library" });
  const may = useMay("operator");
  const navigate = useNavigate({ from: "/library" });
  useLibraryEvents();
  const downloads = useDownloads();
  const coming = downloads.data?.downloads.filter((one) => !hasEnded(one)).length ?? 0;
  return (
    <Page title="Library" note="Models that run on this machine: no cloud, no key, and no second server.">
      <MachineCard />
      <Tabs
        name="Library"
        value={tab}
        // What was looked for at the hub is still there on the way back.
        onChange={(id) => void navigate({ search: (before) => ({ ...before, tab: id }) })}
        tabs={[
          { id: "recommended", label: "Recommended", content: <Recommended /> },
          // Who may not search is told so only where an address leads there.
          ...(may || tab === "browse" ? [{ id: "browse" as const, label: "Browse", content: <Browse /> }] : []),
          { id: "installed", label: "Installed", content: <InstalledModels /> },
          { id: "downloads", label: coming === 0 ? "Downloads" : `Downloads (${coming})`, content: <Downloads /> },
        ]}
      />
    </Page>
  );
}
