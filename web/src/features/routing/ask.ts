import type { Call } from "@/shared/lib/calls";

/** What the form asks about. */
export interface Asking {
  model: string;
  text: string;
  /** Name or id of a key; empty for nobody in particular. */
  key: string;
  localOnly: boolean;
  needs: readonly Need[];
  maxTokens: number | null;
}

export const needs = ["tools", "vision", "json", "stream", "reasoning"] as const;
export type Need = (typeof needs)[number];

export const needNames: Record<Need, string> = {
  tools: "Tools",
  vision: "An image",
  json: "JSON answer",
  stream: "Streamed",
  reasoning: "Reasoning",
};

/** One pixel: what is in an image does not matter for the plan. */
const pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

const tool = {
  type: "function",
  function: { name: "look_up", description: "Look something up.", parameters: { type: "object", properties: { what: { type: "string" } } } },
};

/** The chat request that the form stands for. */
export function bodyOf({ model, text, needs: wanted, maxTokens }: Asking): Record<string, unknown> {
  const content = wanted.includes("vision")
    ? [
        { type: "text", text },
        { type: "image_url", image_url: { url: pixel } },
      ]
    : text;
  return {
    model: model.trim(),
    messages: [{ role: "user", content }],
    ...(wanted.includes("tools") && { tools: [tool] }),
    ...(wanted.includes("json") && { response_format: { type: "json_object" } }),
    ...(wanted.includes("stream") && { stream: true }),
    ...(wanted.includes("reasoning") && { reasoning_effort: "medium" }),
    ...(maxTokens !== null && { max_tokens: maxTokens }),
  };
}

/** The request itself, as a client sends it. */
export function requestOf(asking: Asking): Call {
  return {
    path: "/v1/chat/completions",
    body: bodyOf(asking),
    ...(asking.localOnly && { headers: { "x-laird-privacy": "local" } }),
  };
}

/** The question where it would go. */
export function questionOf(asking: Asking): Call {
  const query = new URLSearchParams();
  if (asking.key !== "") query.set("key", asking.key);
  if (asking.localOnly) query.set("local_only", "true");
  const tail = query.size === 0 ? "" : `?${query.toString()}`;
  return { path: `/api/routing/explain${tail}`, body: bodyOf(asking) };
}
