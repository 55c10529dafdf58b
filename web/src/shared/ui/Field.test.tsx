// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Choice, Field, NumberInput, SecretInput, Switch, TextInput } from "./Field";

afterEach(cleanup);

describe("a field", () => {
  it("is found by its label, and tells what is wrong with it", () => {
    render(
      <Field label="Name" error="Must not be empty.">
        <TextInput defaultValue="" />
      </Field>,
    );
    const box = screen.getByLabelText("Name");
    expect(box.getAttribute("aria-invalid")).toBe("true");
    expect(screen.getByText("Must not be empty.")).toBeDefined();
  });

  it("of a number is empty or a number, never text", () => {
    const changed = vi.fn();
    render(
      <Field label="Priority">
        <NumberInput value={null} onChange={changed} />
      </Field>,
    );
    fireEvent.change(screen.getByLabelText("Priority"), { target: { value: "7" } });
    expect(changed).toHaveBeenLastCalledWith(7);
  });

  it("of one choice among a few gives its value", () => {
    const changed = vi.fn();
    render(
      <Field label="Role">
        <Choice options={[{ value: "a", label: "A" }, { value: "b", label: "B" }]} value="a" onChange={changed} />
      </Field>,
    );
    fireEvent.change(screen.getByLabelText("Role"), { target: { value: "b" } });
    expect(changed).toHaveBeenLastCalledWith("b");
  });
});

describe("a secret", () => {
  it("is hidden until its owner wants to see it", () => {
    render(
      <Field label="Key">
        <SecretInput defaultValue="sk-1" />
      </Field>,
    );
    const box = screen.getByLabelText("Key");
    expect(box.getAttribute("type")).toBe("password");
    fireEvent.click(screen.getByRole("button", { name: "Show" }));
    expect(box.getAttribute("type")).toBe("text");
    fireEvent.click(screen.getByRole("button", { name: "Hide" }));
    expect(box.getAttribute("type")).toBe("password");
  });
});

describe("a switch", () => {
  it("is one to a screen reader as well", () => {
    const changed = vi.fn();
    render(<Switch label="Enabled" checked={false} onChange={changed} />);
    fireEvent.click(screen.getByRole("switch", { name: "Enabled" }));
    expect(changed).toHaveBeenCalledWith(true);
  });
});
