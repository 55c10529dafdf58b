import { useMutation, useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { type LiveEvent, useConnected, useLiveEvents } from "@/shared/lib/events";
import { tell } from "@/shared/ui/Toasts";
import { fileName } from "./words";

type Schemas = components["schemas"];
export type Machine = Schemas["MachineShown"];
export type Curated = Schemas["CuratedShown"];
export type Repository = Schemas["RepositoryShown"];
export type HubFile = Schemas["FileShown"];
export type Download = Schemas["DownloadShown"];
export type Installed = Schemas["InstalledShown"];
export type Verdict = Curated["verdict"];
export type Fit = Verdict["fit"];

export const machineQuery = {
  queryKey: ["library", "machine"],
  queryFn: () => data(api.GET("/api/library/machine")),
} as const;

export const recommendedQuery = {
  queryKey: ["library", "recommended"],
  queryFn: () => data(api.GET("/api/library/recommended")),
} as const;

export const downloadsQuery = {
  queryKey: ["library", "downloads"],
  queryFn: () => data(api.GET("/api/library/downloads")),
  // What happened while nobody listened is not known.
  staleTime: 0,
} as const;

export const installedQuery = {
  queryKey: ["library", "models"],
  queryFn: () => data(api.GET("/api/library/models")),
  staleTime: 0,
} as const;

const ended: ReadonlySet<Download["state"]> = new Set(["done", "cancelled"]);

/** It is over: it came, or was given up. */
export const hasEnded = (download: Download): boolean => ended.has(download.state);

/** It goes on only when somebody wants that. */
export const isResting = (download: Download): boolean => download.state === "paused" || download.state === "failed";

/** The list with what an event tells of one download; the newest are first. */
export function withDownload(downloads: readonly Download[], told: Download): Download[] {
  if (downloads.some((one) => one.id === told.id)) return downloads.map((one) => (one.id === told.id ? told : one));
  return [told, ...downloads];
}

/** The download of a file that is under way, rests or has failed. */
export const downloadOf = (downloads: readonly Download[] | undefined, repository: string, file: string): Download | undefined =>
  downloads?.find((one) => !hasEnded(one) && one.repository === repository && one.files.includes(file));

export const installedAs = (models: readonly Installed[] | undefined, repository: string, file: string): Installed | undefined =>
  models?.find((one) => one.repository === repository && one.files.includes(file));

/** What an event tells of a model that runs. */
export type Running = Pick<Installed, "id" | "active" | "waiting" | "loaded_ms" | "last_used_us" | "problem"> & { state: NonNullable<Installed["state"]> };

/** The list with what an event tells of one model. */
export const withRunning = (models: readonly Installed[], told: Running): Installed[] =>
  models.map((one) =>
    one.id === told.id
      ? {
          ...one,
          state: told.state,
          active: told.active,
          waiting: told.waiting,
          loaded_ms: told.loaded_ms ?? one.loaded_ms,
          last_used_us: told.last_used_us ?? one.last_used_us,
          problem: told.problem,
        }
      : one,
  );

export function putDownload(queries: QueryClient, told: Download): void {
  const before = queries.getQueryData<Schemas["DownloadsShown"]>(downloadsQuery.queryKey);
  if (before !== undefined) queries.setQueryData(downloadsQuery.queryKey, { downloads: withDownload(before.downloads, told) });
}

/** Ask anew for all that depends on what is installed. */
export function installedChanged(queries: QueryClient): void {
  for (const key of ["machine", "recommended", "models"]) void queries.invalidateQueries({ queryKey: ["library", key] });
}

function follow(queries: QueryClient, event: LiveEvent): void {
  if (event.kind === "library.download") {
    const told = event.data as unknown as Download;
    putDownload(queries, told);
    // Nothing follows for a while: an answer under way that is older than this must not be the last word.
    if (hasEnded(told) || isResting(told)) void queries.invalidateQueries({ queryKey: downloadsQuery.queryKey });
    if (told.state === "done") installedChanged(queries);
  } else if (event.kind === "library.model") {
    const told = event.data as unknown as Running;
    const before = queries.getQueryData<Schemas["LibraryShown"]>(installedQuery.queryKey);
    if (before === undefined) return;
    const known = before.models.find((one) => one.id === told.id);
    queries.setQueryData(installedQuery.queryKey, { models: withRunning(before.models, told) });
    // What it has answered is counted anew when it has ended; free memory is another when it comes or goes.
    if (known === undefined || known.state !== told.state || (known.active > 0 && told.active === 0)) installedChanged(queries);
  } else if (event.kind === "library.installed" || event.kind === "library.removed" || event.kind === "configuration.changed") {
    installedChanged(queries);
  }
}

/** Keep what is shown of the library as it is, from the event stream. */
export function useLibraryEvents(): void {
  const queries = useQueryClient();
  useLiveEvents(useCallback((event: LiveEvent) => follow(queries, event), [queries]));
}

const isComing = (download: Download): boolean => !hasEnded(download) && !isResting(download);

/** The downloads; asked for again and again while no live updates arrive, and now and then while one comes, since an event can be missed. */
export function useDownloads() {
  const connected = useConnected();
  return useQuery({
    ...downloadsQuery,
    refetchInterval: ({ state }) => {
      if (!connected) return 2000;
      return state.data?.downloads.some(isComing) === true ? 5000 : false;
    },
  });
}

export interface Wanted {
  repository: string;
  file: string;
}

/** Begins to download a file. */
export function usePull() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (wanted: Wanted) => data(api.POST("/api/library/downloads", { body: wanted })),
    onSuccess: (told) => putDownload(queries, told),
    onError: (error, { file }) => tell(`${fileName(file)} can't be downloaded`, "bad", error.message),
    onSettled: () => void queries.invalidateQueries({ queryKey: downloadsQuery.queryKey }),
  });
}

/** Pauses, resumes or cancels a download. */
export function useSteer(download: Download) {
  const queries = useQueryClient();
  const params = { params: { path: { download_id: download.id } } };
  return useMutation({
    mutationFn: (act: "pause" | "resume" | "cancel") => {
      if (act === "cancel") return data(api.DELETE("/api/library/downloads/{download_id}", params));
      return data(act === "pause" ? api.POST("/api/library/downloads/{download_id}/pause", params) : api.POST("/api/library/downloads/{download_id}/resume", params));
    },
    onSuccess: (told) => putDownload(queries, told),
    onError: (error) => tell(`${fileName(download.files[0] ?? download.repository)} could not be changed`, "bad", error.message),
    onSettled: () => void queries.invalidateQueries({ queryKey: downloadsQuery.queryKey }),
  });
}
