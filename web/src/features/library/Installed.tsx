import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { installedQuery } from "@/shared/library/data";
import { useMay } from "@/shared/session";
import { Button, Card, Empty, Failure, Skeleton } from "@/shared/ui";
import { InstalledCard } from "./InstalledCard";
import { isUp } from "./running";

/** Between two looks at models that are loaded. */
const BUSY_MS = 2000;

/** What is on this machine, and how each model stands. */
export function InstalledModels() {
  const navigate = useNavigate({ from: "/library" });
  const may = useMay("operator");
  // Requests that come and go in a loaded model are not told one by one.
  const installed = useQuery({ ...installedQuery, refetchInterval: ({ state }) => (state.data?.models.some(isUp) === true ? BUSY_MS : false) });
  if (installed.isError && installed.data === undefined) return <Failure error={installed.error} onRetry={() => void installed.refetch()} />;
  if (installed.data === undefined) return <Skeleton lines={3} tall />;
  if (installed.data.models.length === 0) {
    return (
      <Card>
        <Empty
          icon="models"
          title="No model is installed"
          action={
            may && (
              <Button look="primary" onClick={() => void navigate({ search: { tab: "recommended" } })}>
                Choose one
              </Button>
            )
          }
        >
          {may ? "Download one, or put a GGUF file into the folder named above." : "An operator can download one."}
        </Empty>
      </Card>
    );
  }
  return (
    <ul aria-label="Installed models" className="flex flex-col gap-4">
      {installed.data.models.map((model) => (
        <li key={model.id} className="min-w-0">
          <InstalledCard model={model} />
        </li>
      ))}
    </ul>
  );
}
