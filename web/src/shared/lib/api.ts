import createClient, { type Middleware } from "openapi-fetch";
import type { paths } from "@/client/schema";

/** What the server says went wrong: the same shape from every route. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly param: string | null;
  readonly body: Record<string, unknown>;

  constructor(status: number, body: Record<string, unknown>) {
    super(typeof body.message === "string" ? body.message : `The server answered ${status}.`);
    this.status = status;
    this.code = typeof body.code === "string" ? body.code : "unknown";
    this.param = typeof body.param === "string" ? body.param : null;
    this.body = body;
  }
}

/** Laird can't be reached at all: it is stopped, restarting, or the network is away. */
export class Unreachable extends Error {
  constructor() {
    super("Laird does not answer. It may be restarting; this page goes on by itself when it is back.");
  }
}

type Listener = () => void;
const signedOut = new Set<Listener>();

/** Be told when the server no longer knows this session. */
export function onSignedOut(listener: Listener): Listener {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

const failures: Middleware = {
  async onResponse({ response, schemaPath }) {
    if (response.ok) return;
    const parsed: unknown = await response.json().catch(() => null);
    const body = (parsed as { error?: Record<string, unknown> } | null)?.error ?? {};
    if (response.status === 401 && !schemaPath.startsWith("/api/session")) {
      for (const listener of signedOut) listener();
    }
    throw new ApiError(response.status, body);
  },
  onError() {
    return new Unreachable();
  },
};

export const api = createClient<paths>({ baseUrl: "/", credentials: "same-origin" });
api.use(failures);

/** Return the data of an answer; failures were thrown before. */
export async function data<Value>(answer: Promise<{ data?: Value; error?: unknown }>): Promise<Value> {
  return (await answer).data as Value;
}
