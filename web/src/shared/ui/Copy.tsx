import { useState } from "react";
import { Button } from "./Button";
import { Icon } from "./Icon";
import { tell } from "./Toasts";

/** Puts a text into the clipboard and says so. */
export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      setTimeout(() => setDone(false), 2000);
    } catch {
      tell("The browser does not let Laird copy.", "warn", "Select the text and copy it yourself.");
    }
  };
  return (
    <Button small onClick={() => void copy()} icon={<Icon name={done ? "check" : "copy"} size={15} />}>
      <span aria-live="polite">{done ? "Copied" : label}</span>
    </Button>
  );
}

/** Code that is there to be copied. */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    <figure className="rounded-control border border-line bg-sunken">
      <figcaption className="flex items-center justify-between gap-2 border-b border-line px-3 py-1.5 text-sm text-soft">
        {label}
        <Copy text={text} />
      </figcaption>
      <pre tabIndex={0} className="overflow-x-auto px-3 py-2 text-sm leading-6">
        <code>{text}</code>
      </pre>
    </figure>
  );
}
