import { describe, expect, it } from "vitest";
import { type Curated, type Download, downloadOf, type Installed, installedAs, withDownload, withRunning } from "./data";
import { starters } from "./starters";
import { fileName, left, memory, parameters, progressWords } from "./words";

const download = { id: "1", repository: "maker/tiny", files: ["q4/tiny.Q4_K_M.gguf"], state: "running", done: 1_200_000_000, total: 4_400_000_000, speed: 21_000_000, eta_s: 170, retry_in_s: null, problem: null } as Download;

describe("how far a download is", () => {
  it("is told with speed and time only while it runs", () => {
    expect(progressWords(download)).toBe("1.2 GB of 4.4 GB, 27%, 21 MB/s, 3 min left");
    expect(progressWords({ ...download, speed: 0, eta_s: null })).toBe("1.2 GB of 4.4 GB, 27%, 0 B/s");
    expect(progressWords({ ...download, state: "paused" })).toBe("1.2 GB of 4.4 GB, 27%");
    expect(progressWords({ ...download, state: "waiting", retry_in_s: 3.2 })).toBe("1.2 GB of 4.4 GB, 27%, next try in 4 s");
  });

  it("is never all before it is", () => {
    expect(progressWords({ ...download, state: "checking", done: 999, total: 1000 })).toContain("99%");
    expect(progressWords({ ...download, state: "queued", done: 0, total: 0 })).toBe("0 B of 0 B, 0%");
  });

  it("is told in times for people", () => {
    expect([5, 61, 3600, 7800, 400_000].map(left)).toEqual(["less than a minute", "1 min", "1 h", "2 h 10 min", "5 days"]);
  });
});

describe("the list of downloads", () => {
  it("takes what an event tells of one, also of a new one", () => {
    const other = { ...download, id: "2" };
    expect(withDownload([download, other], { ...download, done: 5 }).map((one) => one.done)).toEqual([5, other.done]);
    expect(withDownload([download], other).map((one) => one.id)).toEqual(["2", "1"]);
  });

  it("finds the one of a file, but none that is over", () => {
    expect(downloadOf([download], "maker/tiny", "q4/tiny.Q4_K_M.gguf")).toBe(download);
    expect(downloadOf([{ ...download, state: "cancelled" }], "maker/tiny", "q4/tiny.Q4_K_M.gguf")).toBeUndefined();
    expect(downloadOf([download], "maker/other", "q4/tiny.Q4_K_M.gguf")).toBeUndefined();
    expect(downloadOf(undefined, "maker/tiny", "a")).toBeUndefined();
  });
});

it("takes over what an event tells of a running model, and nothing of others", () => {
  const model = { id: "tiny", repository: "maker/tiny", files: ["tiny.gguf"], state: "cold", active: 0, waiting: 0, loaded_ms: 12, last_used_us: 5, problem: null, calls: 7 } as Installed;
  const told = { id: "tiny", state: "failed", active: 0, waiting: 2, loaded_ms: null, last_used_us: null, problem: "It crashed." } as const;
  const [one, other] = withRunning([model, { ...model, id: "other" }], told);
  expect(one).toEqual({ ...model, state: "failed", waiting: 2, problem: "It crashed." });
  expect(other?.state).toBe("cold");
  expect(installedAs([model], "maker/tiny", "tiny.gguf")).toBe(model);
  expect(installedAs([model], "maker/tiny", "tiny.Q8_0.gguf")).toBeUndefined();
});

describe("models to begin with", () => {
  const model = (id: string, size: number, fit: "fits" | "tight" | "too_big") => ({ id, size, verdict: { fit, reason: "" } }) as Curated;
  const ids = (models: Curated[]) => starters(models).map((one) => one.id);

  it("are the first that fits and smaller ones", () => {
    expect(ids([model("a", 44, "fits"), model("b", 41, "fits"), model("c", 18, "fits"), model("d", 6, "fits"), model("e", 1, "fits")])).toEqual(["a", "c", "d"]);
    expect(ids([model("a", 44, "too_big"), model("b", 41, "tight"), model("c", 18, "fits")])).toEqual(["c"]);
  });

  it("are the smallest tight one, or none, where nothing fits", () => {
    expect(ids([model("a", 44, "tight"), model("b", 18, "tight"), model("c", 6, "too_big")])).toEqual(["b"]);
    expect(ids([model("a", 44, "too_big")])).toEqual([]);
  });
});

it("writes figures as people say them", () => {
  expect([16 * 1024 ** 3, 500 * 1024 ** 2, 2 * 1024 ** 2].map(memory)).toEqual(["16.0 GB", "0.5 GB", "2 MB"]);
  expect([7_240_000_000, 70_000_000_000, 135_000_000, 1_000_000_000_000, 120_512].map(parameters)).toEqual(["7.2B", "70B", "135M", "1T", "121K"]);
  expect([fileName("a/b.gguf"), fileName("b.gguf")]).toEqual(["b.gguf", "b.gguf"]);
});
