import type { Tone } from "@/shared/ui";
import type { Attempt } from "./rows";

export interface Outcome {
  tone: Tone;
  word: string;
}

const outcomes: Readonly<Record<string, Outcome>> = {
  ok: { tone: "good", word: "Answered" },
  error: { tone: "bad", word: "Failed" },
  cut: { tone: "bad", word: "Cut off" },
  cancelled: { tone: "neutral", word: "Cancelled" },
  interrupted: { tone: "bad", word: "Interrupted" },
};

export const outcome = (status: string): Outcome => outcomes[status] ?? { tone: "neutral", word: status };

export interface Trouble {
  what: string;
  fix: string | null;
}

type Telling = (row: Attempt) => Trouble;

const answered = (row: Attempt): string => (row.http_status === null ? "" : ` (HTTP ${row.http_status})`);

const codes: Readonly<Record<string, Telling>> = {
  provider_timeout: (row) => ({
    what: `${row.provider} was too slow.`,
    fix: "If this happens often, give it more time in its settings, or let a chain go on sooner.",
  }),
  rate_limit_exceeded: (row) => ({
    what: `${row.provider} said to slow down${answered(row)}.`,
    fix: "It rests for a while. A lower number of requests at once, or a second provider, helps.",
  }),
  insufficient_quota: (row) => ({
    what: row.http_status === null ? `A budget had no room for ${row.provider}.` : `The account at ${row.provider} has no money or quota left${answered(row)}.`,
    fix: row.http_status === null ? "Raise the budget, or wait until it begins anew." : "Look at the account there.",
  }),
  model_not_found: (row) => ({
    what: `${row.provider} does not know the model ${row.upstream_model}${answered(row)}.`,
    fix: "Compare its name with the models that the provider lists, on the provider’s page.",
  }),
  invalid_request: (row) => ({
    what: `${row.provider} refused the request itself${answered(row)}.`,
    fix: "Another try would end alike. The client’s answer names the field.",
  }),
  unsupported_field: (row) => ({
    what: `${row.provider} can’t do something that the request asks for.`,
    fix: "The client’s answer names the field.",
  }),
  context_length_exceeded: (row) => ({
    what: `The prompt is too long for ${row.model}${answered(row)}.`,
    fix: "Ask a model with a larger window, or send less.",
  }),
  content_filter: (row) => ({ what: `${row.provider} held its answer back.`, fix: null }),
  provider_capacity_exceeded: (row) => ({
    what: `${row.provider} had no free slot in time.`,
    fix: "Allow more requests at once in its settings, or add a provider.",
  }),
  vault_locked: (row) => ({
    what: `The stored credential of ${row.provider} can’t be opened.`,
    fix: "See Credentials in the settings.",
  }),
  no_local_provider: () => ({ what: "It had to stay local, and no local model could serve it.", fix: "Add a local provider, or start the one that is there." }),
};

function plain(row: Attempt): Trouble {
  const status = row.http_status;
  if (status === 401 || status === 403) {
    return { what: `${row.provider} refused its credential (HTTP ${status}).`, fix: "Give it another key on the provider’s page, and test it." };
  }
  if (status === null) {
    return { what: `${row.provider} could not be reached, or broke off.`, fix: "See whether it runs, and whether its address is right." };
  }
  if (status < 400) return { what: `${row.provider} answered with something that is no answer (HTTP ${status}).`, fix: "See what stands at its address: a proxy may answer in its place." };
  if (status < 500) return { what: `${row.provider} refused${answered(row)}.`, fix: "See whether its address and the model’s name there are right." };
  return { what: `${row.provider} failed${answered(row)}.`, fix: "It is a fault at the provider; another try or another provider helps." };
}

/** What went wrong with an attempt, and what helps; null where nothing did. */
export function trouble(row: Attempt): Trouble | null {
  switch (row.status) {
    case "ok":
      return null;
    case "cancelled":
      return { what: "The client went away before the end, or Laird was told to stop.", fix: null };
    case "interrupted":
      return { what: "Laird stopped while it was under way. Its cost is an estimate.", fix: null };
    case "cut":
      return {
        what: `${row.provider} broke off after the client had got a part of the answer.`,
        fix: "The client was told that the answer is not whole; another model can’t go on unnoticed.",
      };
    default: {
      const known = row.error === null ? undefined : codes[row.error];
      return known === undefined ? plain(row) : known(row);
    }
  }
}

/** Why a request was refused before any provider was asked, from its HTTP status. */
export function refusedWords(status: number): string {
  switch (status) {
    case 400:
      return "Not a request that can be served";
    case 403:
      return "Not allowed, or held back by a privacy rule";
    case 404:
      return "No model of that name";
    case 413:
      return "Too large";
    case 429:
      return "Over a limit or a budget";
    case 503:
      return "No capacity";
    default:
      return "Refused";
  }
}

const interfaces: Readonly<Record<string, { name: string; path: string | null }>> = {
  "openai.chat": { name: "OpenAI chat completions", path: "/v1/chat/completions" },
  "openai.completions": { name: "OpenAI completions", path: "/v1/completions" },
  "openai.embeddings": { name: "OpenAI embeddings", path: "/v1/embeddings" },
  "openai.responses": { name: "OpenAI responses", path: "/v1/responses" },
  "anthropic.messages": { name: "Anthropic messages", path: "/v1/messages" },
  "anthropic.count_tokens": { name: "Anthropic token counting", path: "/v1/messages/count_tokens" },
};

export const interfaceOf = (dialect: string) => interfaces[dialect] ?? { name: dialect, path: null };
