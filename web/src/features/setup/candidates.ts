import type { components } from "@/client/schema";
import type { Provider } from "@/shared/providers/data";

export type Discovered = components["schemas"]["DiscoveredShown"];
export type Kind = components["schemas"]["KindShown"];

/** Something that can be ticked. Exactly one of `provider`, `entry` and `kind` says what it is. */
export interface Candidate {
  /** Its name in what is remembered. */
  key: string;
  title: string;
  note: string;
  /** Whether it is ticked while nobody chose. */
  ticked: boolean;
  /** Why it can't be chosen now. */
  blocked?: string;
  /** It is configured already. */
  provider?: Provider;
  /** It was found and can be added as it is. */
  entry?: Record<string, unknown>;
  /** It can be described. */
  kind?: Kind;
}

export interface Candidates {
  configured: Candidate[];
  found: Candidate[];
  more: Candidate[];
}

export const keyOf = (provider: Pick<Provider, "id">): string => `provider:${provider.id}`;

const modelsIn = (count: number): string => (count === 1 ? "1 model" : `${count} models`);

function configured(provider: Provider, found: Discovered | undefined): Candidate {
  const running = found?.servers.some((server) => server.configured_as === provider.id) === true;
  return {
    key: keyOf(provider),
    title: provider.name,
    note: provider.kind === "demo" ? "Answers without any model, to try things out" : `${provider.endpoint}${running ? " · running" : ""}`,
    ticked: provider.enabled,
    provider,
    ...(provider.overridden.includes("enabled") && { blocked: "An environment variable decides it" }),
  };
}

function fresh(found: Discovered): Candidate[] {
  const servers = found.servers
    .filter((server) => server.configured_as === null)
    .map((server) => ({
      key: `server:${server.endpoint}`,
      title: server.title,
      note: `${server.endpoint} · ${modelsIn(server.models.length)}${server.needs_key ? " · wants a key" : ""}`,
      ticked: true,
      ...(server.entry === null ? { blocked: "It can't be added" } : { entry: server.entry }),
    }));
  const clouds = found.clouds
    .filter((cloud) => cloud.configured_as === null)
    .map((cloud) => ({
      key: `cloud:${cloud.kind}`,
      title: cloud.title,
      note: `${cloud.variable} is set`,
      ticked: cloud.entry !== null,
      ...(cloud.entry === null ? { blocked: `Set ${cloud.missing ?? "its variables"} as well` } : { entry: cloud.entry }),
    }));
  return [...servers, ...clouds];
}

/** All that can be chosen: what is configured, what was found beside it, and what could be described. */
export function candidatesOf(providers: readonly Provider[], found: Discovered | undefined, kinds: readonly Kind[]): Candidates {
  const beside = found === undefined ? [] : fresh(found);
  const present = new Set([...providers.map((provider) => provider.kind), ...beside.map((one) => one.entry?.kind)]);
  return {
    configured: providers.map((provider) => configured(provider, found)),
    found: beside,
    more: kinds
      .filter((kind) => kind.kind === "custom" || (kind.kind !== "demo" && !present.has(kind.kind)))
      .map((kind) => ({
        key: `kind:${kind.kind}`,
        title: kind.title,
        note: kind.endpoint ?? "At an address of yours",
        ticked: false,
        kind,
      })),
  };
}

/** Whether it is ticked, by what somebody chose or by itself. */
export const isWanted = (one: Candidate, wanted: Readonly<Partial<Record<string, boolean>>>): boolean =>
  one.blocked === undefined ? (wanted[one.key] ?? one.ticked) : one.ticked;

/** An id for another provider of a kind. */
export function freeId(kind: string, providers: readonly Pick<Provider, "id">[]): string {
  let id = kind;
  for (let number = 2; providers.some((provider) => provider.id === id); number += 1) id = `${kind}-${number}`;
  return id;
}
