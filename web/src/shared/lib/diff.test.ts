import { describe, expect, it } from "vitest";
import { diffOf, readUnified } from "./diff";

const written = (lines: ReturnType<typeof diffOf>): string[] =>
  lines.map((line) => ({ same: " ", dropped: "-", added: "+", gap: "@" })[line.kind] + line.text);

describe("a comparison of two texts", () => {
  it("is empty for the same text", () => {
    expect(diffOf("a\nb", "a\nb")).toEqual([]);
  });

  it("shows what goes and what comes, with what is around it", () => {
    expect(written(diffOf("a\nb\nc", "a\nx\nc\nd"))).toEqual([" a", "-b", "+x", " c", "+d"]);
  });

  it("leaves out what is far from a change", () => {
    const lines = Array.from({ length: 30 }, (_, place) => `line ${place}`);
    const after = lines.with(15, "other").join("\n");
    expect(written(diffOf(lines.join("\n"), after))).toEqual([
      "@…", " line 12", " line 13", " line 14", "-line 15", "+other", " line 16", " line 17", " line 18", "@…",
    ]);
  });

  it("gives the other text when it is followed, however large the difference", () => {
    const left = Array.from({ length: 2500 }, (_, place) => `l${place}`).join("\n");
    const right = Array.from({ length: 2500 }, (_, place) => `r${place}`).join("\n");
    const found = diffOf(left, right);
    expect(found.filter((line) => line.kind === "added").map((line) => line.text).join("\n")).toBe(right);
    expect(found.filter((line) => line.kind === "dropped").map((line) => line.text).join("\n")).toBe(left);
  });

  it("reads what the server writes", () => {
    const text = "--- before\n+++ after\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n@@ -9 +9 @@\n-x";
    expect(written(readUnified(text))).toEqual([" a", "-b", "+c", "@…", "-x"]);
  });
});
