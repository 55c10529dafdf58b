import { ApiError } from "@/shared/lib/api";

interface Problem {
  message: string;
  path: string;
  fix: string | null;
}

/** What is wrong, by field in the document's words, and what belongs to no field. */
export interface Problems {
  fields: Partial<Record<string, string>>;
  general: string | null;
}

/** Sort a refusal by the fields it is about, such as `providers[2].timeouts.total` in the section `providers`. */
export function problemsOf(error: Error | null, section: "providers" | "chains" = "providers"): Problems {
  if (error === null) return { fields: {}, general: null };
  if (!(error instanceof ApiError)) return { fields: {}, general: error.message };
  const listed = error.body.problems;
  if (!Array.isArray(listed) || listed.length === 0) {
    return error.param === null ? { fields: {}, general: error.message } : { fields: { [error.param]: error.message }, general: error.message };
  }
  const fields: Partial<Record<string, string>> = {};
  const rest: string[] = [];
  for (const problem of listed as Problem[]) {
    const words = problem.fix === null ? problem.message : `${problem.message} ${problem.fix}`;
    const field = problem.path.startsWith(`${section}[`) ? /^\w+\[\d+\]\.(.+)$/.exec(problem.path)?.[1] : undefined;
    if (field === undefined) rest.push(`${problem.path}: ${words}`);
    else fields[field] = words.charAt(0).toUpperCase() + words.slice(1);
  }
  return { fields, general: rest.length > 0 ? rest.join("\n") : "Something is wrong with what was entered; see the fields." };
}
