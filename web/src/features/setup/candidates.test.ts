import { describe, expect, it } from "vitest";
import type { Provider } from "@/shared/providers/data";
import { candidatesOf, type Discovered, freeId, isWanted, type Kind } from "./candidates";

const provider = { id: "ollama", name: "Ollama", kind: "ollama", endpoint: "http://127.0.0.1:11434", enabled: true, overridden: [] as string[] } as Provider;
const kinds = [
  { kind: "demo", title: "Demo", endpoint: "demo://" },
  { kind: "ollama", title: "Ollama", endpoint: "http://127.0.0.1:11434" },
  { kind: "openai", title: "OpenAI", endpoint: "https://api.openai.com/v1" },
  { kind: "groq", title: "Groq", endpoint: "https://api.groq.com" },
  { kind: "custom", title: "OpenAI-compatible", endpoint: null },
] as Kind[];
const found = {
  revision: "a",
  asked: [],
  problems: [],
  servers: [
    { kind: "ollama", title: "Ollama", endpoint: "http://127.0.0.1:11434", models: [], needs_key: false, configured_as: "ollama", entry: null },
    { kind: "custom", title: "vLLM", endpoint: "http://gpu:8000/v1", models: [{}, {}], needs_key: true, configured_as: null, entry: { id: "vllm", kind: "custom" } },
  ],
  clouds: [
    { kind: "openai", title: "OpenAI", variable: "OPENAI_API_KEY", missing: null, configured_as: null, entry: { id: "openai", kind: "openai" } },
    { kind: "azure", title: "Azure", variable: "AZURE_OPENAI_API_KEY", missing: "AZURE_OPENAI_ENDPOINT", configured_as: null, entry: null },
  ],
} as unknown as Discovered;

describe("what can be chosen", () => {
  const all = candidatesOf([provider], found, kinds);

  it("has what is configured and what was found ticked", () => {
    expect(all.configured.map((one) => [one.key, one.ticked, one.note])).toEqual([["provider:ollama", true, "http://127.0.0.1:11434 · running"]]);
    expect(all.found.map((one) => [one.key, isWanted(one, {})])).toEqual([
      ["server:http://gpu:8000/v1", true],
      ["cloud:openai", true],
      ["cloud:azure", false],
    ]);
    expect(all.found[0]?.note).toBe("http://gpu:8000/v1 · 2 models · wants a key");
  });

  it("says what keeps a cloud from being added, and can't be ticked then", () => {
    const azure = all.found[2];
    expect(azure?.blocked).toBe("Set AZURE_OPENAI_ENDPOINT as well");
    expect(azure !== undefined && isWanted(azure, { "cloud:azure": true })).toBe(false);
  });

  it("offers every other kind but the demo, and an address of one's own always", () => {
    expect(all.more.map((one) => one.key)).toEqual(["kind:groq", "kind:custom"]);
    expect(all.more.some((one) => isWanted(one, {}))).toBe(false);
  });

  it("follows what somebody chose", () => {
    const [one] = all.configured;
    expect(one !== undefined && isWanted(one, { "provider:ollama": false })).toBe(false);
  });

  it("leaves alone what a variable decides", () => {
    const locked = candidatesOf([{ ...provider, overridden: ["enabled"] }], undefined, []).configured[0];
    expect(locked?.blocked).toContain("variable");
  });
});

it("numbers the id of another provider of a kind", () => {
  expect(freeId("custom", [])).toBe("custom");
  expect(freeId("custom", [{ id: "custom" }, { id: "custom-2" }])).toBe("custom-3");
});
