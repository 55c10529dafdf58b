import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "@/shared/lib/api";
import { duration } from "@/shared/lib/format";
import { type Installed, installedChanged } from "@/shared/library/data";
import { tell } from "@/shared/ui";

const at = (model: Installed) => ({ params: { path: { model_id: model.id } } });

/** Loads a model, as the first request would. */
export function useRun(model: Installed) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => data(api.POST("/api/library/models/{model_id}/run", at(model))),
    onSuccess: ({ loaded_ms: took }) => tell(`${model.id} is loaded`, "good", took === null ? undefined : `It took ${duration(took)}.`),
    onError: (error) => tell(`${model.id} could not be loaded`, "bad", error.message),
    onSettled: () => installedChanged(queries),
  });
}

/** Unloads a model as soon as nobody uses it. */
export function useStop(model: Installed) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => data(api.POST("/api/library/models/{model_id}/stop", at(model))),
    onError: (error) => tell(`${model.id} could not be stopped`, "bad", error.message),
    onSettled: () => installedChanged(queries),
  });
}

/** Has the configuration offer a file that was put here by hand. */
export function useOffer(model: Installed) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => data(api.POST("/api/library/models/{model_id}/offer", at(model))),
    onSuccess: ({ model: name }) => tell(`${model.id} can be asked`, "good", `Its name is ${name ?? model.id}.`),
    onError: (error) => tell(`${model.id} could not be offered`, "bad", error.message),
    onSettled: () => installedChanged(queries),
  });
}

/** Asks the hub whether it has another file of that name now. */
export function useUpdateCheck(model: Installed) {
  return useMutation({
    mutationFn: () => data(api.GET("/api/library/models/{model_id}/update", at(model))),
    onError: (error) => tell("The hub could not be asked", "bad", error.message),
  });
}

/** It is loaded or about to be. */
export const isUp = (model: Installed): boolean => model.state === "warm" || model.state === "loading" || model.state === "waiting";
