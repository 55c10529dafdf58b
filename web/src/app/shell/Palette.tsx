import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useId, useMemo, useState } from "react";
import { classes } from "@/shared/lib/classes";
import { setTheme } from "@/shared/lib/theme";
import { useSession } from "@/shared/session";
import { BareDialog, Icon, type IconName } from "@/shared/ui";
import { may, places } from "../navigation";

interface Act {
  id: string;
  label: string;
  icon: IconName;
  words: string;
  run: () => void;
}

function useActs(onHelp: () => void): Act[] {
  const navigate = useNavigate();
  const { role } = useSession();
  return useMemo(() => {
    const going = places
      .filter((place) => may(role, place.role))
      .map((place) => ({
        id: place.to,
        label: place.label,
        icon: place.icon,
        words: `${place.label} ${place.words ?? ""}`.toLowerCase(),
        run: () => void navigate({ to: place.to }),
      }));
    return [
      ...going,
      ...(may(role, "operator")
        ? [{ id: "setup", label: "Open the setup assistant", icon: "bolt" as const, words: "setup assistant wizard start first", run: () => void navigate({ to: "/setup/assistant" }) }]
        : []),
      { id: "dark", label: "Use the dark theme", icon: "moon", words: "dark theme night", run: () => setTheme("dark") },
      { id: "light", label: "Use the light theme", icon: "sun", words: "light theme day", run: () => setTheme("light") },
      { id: "help", label: "Show the keyboard shortcuts", icon: "keyboard", words: "help keyboard shortcuts", run: onHelp },
    ];
  }, [navigate, role, onHelp]);
}

/** Everything that can be gone to or done, found by typing. */
export function Palette({ open, onClose, onHelp }: { open: boolean; onClose: () => void; onHelp: () => void }) {
  return (
    <BareDialog title="Go to or do" open={open} onClose={onClose}>
      <Finder onClose={onClose} onHelp={onHelp} />
    </BareDialog>
  );
}

function Finder({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useId();
  const acts = useActs(onHelp);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = acts.filter((act) => words.every((word) => act.words.includes(word)));
  const run = (act: Act | undefined) => {
    if (act === undefined) return;
    onClose();
    act.run();
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setAt((at + step + found.length) % Math.max(found.length, 1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(found[at]);
    }
  };
  return (
    <div onKeyDown={press}>
      <div className="flex items-center gap-3 border-b border-line px-4">
        <span className="text-soft"><Icon name="search" /></span>
        <input
          autoFocus
          role="combobox"
          aria-expanded="true"
          aria-controls={list}
          aria-activedescendant={found[at] ? `${list}-${at}` : undefined}
          aria-label="Go to or do"
          placeholder="Go to or do…"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
          }}
          className="h-12 w-full bg-transparent text-lg outline-none placeholder:text-soft"
        />
      </div>
      <ul id={list} role="listbox" aria-label="Found" className="max-h-80 overflow-y-auto p-2">
        {found.map((act, place) => (
          <li
            key={act.id}
            id={`${list}-${place}`}
            role="option"
            aria-selected={place === at}
            onMouseMove={() => setAt(place)}
            onClick={() => run(act)}
            className={classes("flex items-center gap-3 rounded-control px-3 py-2", place === at && "bg-sunken")}
          >
            <span className="text-soft"><Icon name={act.icon} /></span>
            {act.label}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="px-4 pb-4 text-soft">Nothing is called so.</p>}
    </div>
  );
}
