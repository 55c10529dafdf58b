import type { components } from "@/client/schema";
import { ApiError, api, data } from "@/shared/lib/api";

export type Document = components["schemas"]["ConfigurationShown"];
export type Change = components["schemas"]["ConfigurationChange"];
export type Problem = components["schemas"]["ProblemShown"];

export const documentQuery = {
  queryKey: ["configuration", "document"],
  queryFn: () => data(api.GET("/api/config")),
} as const;

/** What is wrong with a document that was sent, line by line; empty when it is about something else. */
export function problemsOf(error: unknown): Problem[] {
  if (!(error instanceof ApiError) || !Array.isArray(error.body.problems)) return [];
  return error.body.problems as Problem[];
}

/** Where a line begins and ends in a text; lines count from 1. */
export function placeOf(text: string, line: number): { start: number; end: number } {
  const lines = text.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return { start, end: start + (lines[line - 1]?.length ?? 0) };
}

export const sourceWords: Record<Change["source"], string> = {
  file: "in the file",
  cli: "by command",
  api: "here or by the API",
  rollback: "taken back",
};
