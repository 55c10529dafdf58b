import { describe, expect, it } from "vitest";
import { ApiError } from "@/shared/lib/api";
import type { Provider } from "@/shared/providers/data";
import { staleOf } from "@/shared/ui/Conflict";
import { changedIn, patchOf } from "./fields";
import { problemsOf } from "@/shared/providers/problems";
import { credentialWords, variableOf } from "@/shared/providers/words";

const provider = {
  id: "gpu-box.1",
  name: "GPU box",
  priority: 100,
  max_concurrent: 2,
  auth_type: "bearer",
  credential: "stored:gpu-box",
  has_credential: true,
  timeouts: { connect: 5, first_byte: 60, idle: 60, total: 600 },
  health_check: { interval: 30, timeout: 5, path: null },
} as Provider;

describe("the settings of a provider", () => {
  it("send what was changed alone, in the document's words", () => {
    const draft = { name: "GPU box", priority: 5, maxConcurrent: null, "timeouts.first_byte": 20, "timeouts.total": 90 };
    expect(patchOf(draft, changedIn(draft, provider))).toEqual({ priority: 5, maxConcurrent: null, timeouts: { firstByte: 20, total: 90 } });
  });

  it("take an emptied text out of the document", () => {
    const draft = { name: "" };
    expect(patchOf(draft, changedIn(draft, provider))).toEqual({ name: null });
  });
});

describe("a refusal", () => {
  it("stands beside the field it is about", () => {
    const error = new ApiError(422, {
      message: "…",
      code: "invalid_config",
      problems: [
        { message: "must be at least 0, not -5.", path: "providers[2].priority", fix: null },
        { message: "there is no provider 'x'.", path: "chains[0]", fix: "There is a." },
      ],
    });
    expect(problemsOf(error)).toEqual({
      fields: { priority: "Must be at least 0, not -5." },
      general: "chains[0]: there is no provider 'x'. There is a.",
    });
  });

  it("of an old revision brings the one in force and its document", () => {
    const error = new ApiError(409, { code: "stale_revision", current: "b", current_document: "providers: []" });
    expect(staleOf(error)).toEqual({ current: "b", document: "providers: []" });
    expect(staleOf(new ApiError(404, { code: "not_found" }))).toBeNull();
  });
});

describe("a credential", () => {
  it("is told by its source", () => {
    expect(credentialWords(provider)).toBe("Stored as gpu-box");
    expect(credentialWords({ ...provider, credential: "env:KEY", has_credential: false })).toBe("KEY (missing)");
    expect(credentialWords({ ...provider, credential: null, auth_type: "null" })).toBe("Not needed");
  });

  it("can be decided by a variable, named as the server names it", () => {
    expect(variableOf(provider, "authSecret")).toBe("PROVIDER_GPU_BOX_1_API_KEY");
  });
});
