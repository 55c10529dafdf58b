import { useQuery } from "@tanstack/react-query";
import { api, data } from "@/shared/lib/api";
import type { Installed } from "@/shared/library/data";
import { Button, Code, Dialog, Empty, Failure, Icon, Skeleton } from "@/shared/ui";

/** The last lines that a model's process wrote. */
export function Log({ model, onClose }: { model: Installed; onClose: () => void }) {
  const log = useQuery({
    queryKey: ["library", "log", model.id],
    queryFn: () => data(api.GET("/api/library/models/{model_id}/log", { params: { path: { model_id: model.id }, query: { lines: 300 } } })),
    staleTime: 0,
  });
  return (
    <Dialog
      title={`Log of ${model.id}`}
      note="What its llama.cpp process wrote last."
      open
      wide
      onClose={onClose}
      actions={
        <Button busy={log.isFetching} icon={<Icon name="refresh" size={16} />} onClick={() => void log.refetch()}>
          Read again
        </Button>
      }
    >
      {log.isError && <Failure error={log.error} />}
      {log.isPending && <Skeleton lines={4} />}
      {log.isSuccess && log.data.lines.length === 0 && (
        <Empty icon="audit" title="Nothing is written yet">
          Its process writes when the model is loaded.
        </Empty>
      )}
      {log.isSuccess && log.data.lines.length > 0 && <Code label={`${log.data.lines.length} lines`} text={log.data.lines.join("\n")} />}
    </Dialog>
  );
}
