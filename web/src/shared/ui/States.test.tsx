// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError, Unreachable } from "@/shared/lib/api";
import { Failure, Skeleton } from "./States";

afterEach(cleanup);

describe("a failure", () => {
  it("is told in the server's words, with another try", () => {
    const again = vi.fn();
    render(<Failure error={new ApiError(503, { message: "OpenAI does not answer.", code: "provider_error" })} onRetry={again} />);
    expect(screen.getByRole("alert").textContent).toContain("OpenAI does not answer.");
    fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(again).toHaveBeenCalledOnce();
  });

  it("has no button where there is nothing to try", () => {
    render(<Failure error="what?" />);
    expect(screen.getByRole("alert").textContent).toBe("Something went wrong.");
    expect(screen.queryByRole("button")).toBeNull();
  });

  it("of the network says that the page goes on by itself", () => {
    render(<Failure error={new Unreachable()} />);
    expect(screen.getByRole("alert").textContent).toContain("goes on by itself");
  });
});

describe("what is being loaded", () => {
  it("says so to those who can't see it", () => {
    render(<Skeleton />);
    expect(screen.getByRole("status", { name: "Loading" })).toBeDefined();
  });
});
