import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { api, data } from "@/shared/lib/api";
import { ago, compact } from "@/shared/lib/format";
import type { Repository } from "@/shared/library/data";
import { parameters } from "@/shared/library/words";
import { useMay } from "@/shared/session";
import { Badge, Button, Card, Choice, Disclosure, Empty, Failure, Field, Icon, Skeleton, TextInput } from "@/shared/ui";
import { Files } from "./Files";
import { hubQuery, type LibrarySearch, type Sort } from "./search";

type Change = { [Name in keyof LibrarySearch]: LibrarySearch[Name] | undefined };

/** Text that is looked for when somebody pauses in typing it, or presses Enter. */
function SearchText({ value, onValue }: { value: string; onValue: (text: string) => void }) {
  const [draft, setDraft] = useState<string | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const put = (text: string) => {
    clearTimeout(timer.current);
    if (text.trim() !== value) onValue(text.trim());
  };
  return (
    <Field label="Search the hub">
      <TextInput
        type="search"
        placeholder="qwen coder"
        value={draft ?? value}
        maxLength={200}
        onValueChange={(text) => {
          setDraft(text);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => put(text), 450);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") put(draft ?? value);
        }}
        onBlur={() => {
          if (draft !== null) put(draft);
          setDraft(null);
        }}
      />
    </Field>
  );
}

const sizes = [0.5, 1, 2, 4, 8, 15, 35, 75];
const sizeOptions = (word: string, value: number | undefined) => [
  { value: "", label: "Any size" },
  ...[...new Set([...sizes, ...(value === undefined ? [] : [value])])].sort((one, other) => one - other).map((one) => ({ value: String(one), label: `${word} ${parameters(one * 1e9)}` })),
];
const quantizations = ["Q2_K", "Q3_K_M", "Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "BF16", "F16"];
const orders: readonly { value: Sort; label: string }[] = [
  { value: "downloads", label: "Downloads" },
  { value: "likes", label: "Likes" },
  { value: "updated", label: "Date" },
];

function Filters({ search, put }: { search: LibrarySearch; put: (change: Change) => void }) {
  const quantization = search.quantization;
  const known = quantization === undefined || quantizations.includes(quantization) ? quantizations : [...quantizations, quantization];
  const number = (value: string) => (value === "" ? undefined : Number(value));
  return (
    <section aria-label="Filters" className="grid grid-cols-2 gap-3 rounded-card border border-line bg-surface px-5 py-4 lg:grid-cols-[2fr_1fr_1fr_1fr_1fr]">
      <div className="max-lg:col-span-2">
        <SearchText value={search.q ?? ""} onValue={(q) => put({ q })} />
      </div>
      <Field label="Parameters, from">
        <Choice value={String(search.least ?? "")} onChange={(value) => put({ least: number(value) })} options={sizeOptions("from", search.least)} />
      </Field>
      <Field label="Parameters, up to">
        <Choice value={String(search.most ?? "")} onChange={(value) => put({ most: number(value) })} options={sizeOptions("up to", search.most)} />
      </Field>
      <Field label="Quantization">
        <Choice value={quantization ?? ""} onChange={(value) => put({ quantization: value })} options={[{ value: "", label: "Any" }, ...known.map((one) => ({ value: one, label: one }))]} />
      </Field>
      <Field label="Order">
        <Choice value={search.sort ?? "downloads"} onChange={(value) => put({ sort: value === "downloads" ? undefined : (value as Sort) })} options={orders} />
      </Field>
    </section>
  );
}

function About({ found }: { found: Repository }) {
  const name = found.repository.slice(found.repository.indexOf("/") + 1);
  const facts = [
    `by ${found.author}`,
    ...(found.parameters === null ? [] : [`${parameters(found.parameters)} parameters`]),
    `${compact(found.downloads)} downloads a month`,
    `${compact(found.likes)} ${found.likes === 1 ? "like" : "likes"}`,
    ...(found.updated === null ? [] : [`updated ${ago(found.updated)}`]),
  ];
  return (
    <span className="flex min-w-0 grow flex-col">
      <span className="flex flex-wrap items-center gap-2">
        <span className="font-medium break-all">{name}</span>
        {found.gated && (
          <Badge tone="warn" title="Its licence has to be accepted at the hub">
            <Icon name="lock" size={12} />
            Gated
          </Badge>
        )}
      </span>
      <span className="text-sm font-normal wrap-anywhere text-soft">{facts.join(" · ")}</span>
    </span>
  );
}

interface ResultsProps {
  search: LibrarySearch;
  onOpen: (repository: string | undefined) => void;
  onClear: () => void;
}

function Results({ search, onOpen, onClear }: ResultsProps) {
  const wanted = hubQuery(search);
  const found = useQuery({
    queryKey: ["library", "search", wanted],
    queryFn: () => data(api.GET("/api/library/search", { params: { query: wanted } })),
    staleTime: 120_000,
  });
  if (found.isError) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  if (found.data === undefined) return <Skeleton lines={4} tall />;
  const { repositories } = found.data;
  const { repo } = search;
  const apart = repo !== undefined && !repositories.some((one) => one.repository === repo);
  return (
    <>
      {apart && (
        <Card title={<span className="break-all">{repo}</span>} flush actions={<Button small onClick={() => onOpen(undefined)}>Close</Button>}>
          <Files repository={repo} />
        </Card>
      )}
      {repositories.length === 0 ? (
        <Card>
          <Empty icon="search" title="The hub has nothing like that" action={<Button onClick={onClear}>Search anew</Button>}>
            Fewer words, or another size, may find more.
          </Empty>
        </Card>
      ) : (
        <ul aria-label="Found at the hub" className="divide-y divide-line overflow-hidden rounded-card border border-line bg-surface">
          {repositories.map((one) => (
            <li key={one.repository} aria-label={one.repository}>
              <Disclosure title={<About found={one} />} open={repo === one.repository} onToggle={(open) => onOpen(open ? one.repository : undefined)}>
                <Files repository={one.repository} />
              </Disclosure>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** The hub's models in the format that is run here. */
export function Browse() {
  const search: LibrarySearch = useSearch({ from: "/inside/library" });
  const navigate = useNavigate({ from: "/library" });
  if (!useMay("operator")) {
    return (
      <Card>
        <Empty icon="lock" title="This is for operators and administrators">
          Searching asks a server elsewhere. An administrator can give you another role.
        </Empty>
      </Card>
    );
  }
  const go = (change: Change, replace: boolean) =>
    void navigate({
      search: (before) => Object.fromEntries(Object.entries({ ...before, ...change, tab: "browse" }).filter(([, value]) => value !== undefined && value !== "")),
      replace,
      resetScroll: false,
    });
  return (
    <div className="flex flex-col gap-4">
      <Filters search={search} put={(change) => go({ ...change, repo: undefined }, true)} />
      <Results
        search={search}
        onOpen={(repo) => go({ repo }, false)}
        onClear={() => void navigate({ search: { tab: "browse" }, replace: true })}
      />
    </div>
  );
}
