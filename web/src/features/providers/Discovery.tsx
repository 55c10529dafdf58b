import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "@/shared/lib/api";
import { Badge, Button, Empty, Failure, Field, Icon, Skeleton, TextInput } from "@/shared/ui";
import { useAdd } from "./AddProvider";

interface Found {
  key: string;
  title: string;
  note: string;
  configured: string | null;
  missing: string | null;
  entry: Record<string, unknown> | null;
}

function FoundRow({ found }: { found: Found }) {
  const add = useAdd(() => undefined);
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line py-3 last:border-b-0">
      <div className="min-w-0 grow">
        <p className="font-medium">{found.title}</p>
        <p className="text-sm break-all text-soft">{found.note}</p>
        {add.error !== null && <p role="alert" className="text-sm text-bad">{add.error.message}</p>}
      </div>
      {found.configured !== null && <Badge tone="good">Added as {found.configured}</Badge>}
      {found.configured === null && found.missing !== null && <span className="text-sm text-warn">Set {found.missing} as well</span>}
      {found.configured === null && found.entry !== null && (
        <Button small look="primary" busy={add.isPending} aria-label={`Add ${found.title}, ${found.note}`} onClick={() => found.entry !== null && add.mutate(found.entry)}>
          Add
        </Button>
      )}
    </li>
  );
}

/** Servers that run here and on named hosts, and clouds whose variable is set. */
export function Discovery() {
  const [hosts, setHosts] = useState("");
  const [asked, setAsked] = useState<string[]>([]);
  const search = useQuery({
    queryKey: ["discovery", asked],
    queryFn: () => data(api.POST("/api/providers/discover", { body: { hosts: asked } })),
    retry: false,
  });
  const found: Found[] = [
    ...(search.data?.servers ?? []).map((server) => ({
      key: server.endpoint,
      title: server.title,
      note: `${server.endpoint} · ${server.models.length === 1 ? "1 model" : `${server.models.length} models`}${server.needs_key ? " · wants a credential" : ""}`,
      configured: server.configured_as,
      missing: null,
      entry: server.entry,
    })),
    ...(search.data?.clouds ?? []).map((cloud) => ({
      key: cloud.kind,
      title: cloud.title,
      note: `${cloud.variable} is set`,
      configured: cloud.configured_as,
      missing: cloud.missing,
      entry: cloud.entry,
    })),
  ];
  return (
    <div className="pb-2">
      <form
        className="flex items-end gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(hosts.split(/[\s,]+/).filter(Boolean));
          void search.refetch();
        }}
      >
        <div className="grow">
          <Field label="Other machines to ask" hint="Names or addresses, such as gpu-box or 10.0.0.5:8000. This machine is always asked.">
            <TextInput value={hosts} onValueChange={setHosts} placeholder="gpu-box, 10.0.0.5:8000" />
          </Field>
        </div>
        <span className="self-start pt-6">
          <Button type="submit" busy={search.isFetching} icon={<Icon name="search" size={16} />}>
            Look
          </Button>
        </span>
      </form>
      <div className="mt-3" aria-live="polite">
        {search.isPending && <Skeleton lines={3} />}
        {search.isError && <Failure error={search.error} onRetry={() => void search.refetch()} />}
        {search.data?.problems.map((problem) => <p key={problem} className="py-1 text-sm text-warn">{problem}</p>)}
        {search.isSuccess && found.length === 0 && (
          <Empty icon="search" title="Nothing was found">
            Start a server such as Ollama or LM Studio and look again, name another machine, or describe the provider yourself.
          </Empty>
        )}
        {found.length > 0 && <ul aria-label="Found">{found.map((one) => <FoundRow key={one.key} found={one} />)}</ul>}
      </div>
    </div>
  );
}
