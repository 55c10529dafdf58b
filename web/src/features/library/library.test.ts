import { describe, expect, it } from "vitest";
import type { Installed } from "@/shared/library/data";
import { hubQuery, librarySearch } from "./search";
import { changesOf, draftOf, wrongIn } from "./settings";

describe("the address", () => {
  it("says the tab and what is looked for", () => {
    const search = { tab: "browse", q: "qwen", least: 0.5, most: 8, quantization: "Q4_K_M", sort: "likes", repo: "maker/tiny-GGUF" };
    expect(librarySearch(search)).toEqual(search);
    expect(librarySearch({ q: 42 })).toEqual({ q: "42" });
  });

  it("is read without what it says wrongly", () => {
    expect(librarySearch({ tab: "elsewhere", q: "", least: "many", most: -1, sort: "beauty", repo: "../../etc" })).toEqual({});
  });

  it("becomes a question to the hub", () => {
    expect(hubQuery({ q: "qwen", least: 0.5, most: 8 })).toEqual({ text: "qwen", least: 500_000_000, most: 8_000_000_000, sort: "downloads" });
    expect(hubQuery({})).toEqual({ sort: "downloads" });
  });
});

describe("how a model is run", () => {
  const model = { context_size: 2048, gpu_layers: null, slots: 1 } as Installed;

  it("is sent as far as it differs", () => {
    expect(changesOf(model, draftOf(model))).toEqual({});
    expect(changesOf(model, { context: 4096, layers: null, slots: 2 })).toEqual({ context_size: 4096, slots: 2 });
    expect(changesOf(model, { context: null, layers: -1, slots: 1 })).toEqual({ context_size: null, gpu_layers: -1 });
  });

  it("is checked field by field", () => {
    expect(wrongIn({ context: null, layers: null, slots: null })).toEqual({});
    expect(Object.keys(wrongIn({ context: 100, layers: -2, slots: 0.5 }))).toEqual(["context", "layers", "slots"]);
  });
});
