import { useState } from "react";
import { shortcutsOn, switchShortcuts } from "@/shared/lib/shortcuts";
import { useSession } from "@/shared/session";
import { Dialog, Switch } from "@/shared/ui";
import { may, places } from "../navigation";

function Row({ keys, what }: { keys: readonly string[]; what: string }) {
  return (
    <li className="flex items-center justify-between gap-4 py-1">
      <span>{what}</span>
      <span className="flex gap-1">
        {keys.map((key) => (
          <kbd key={key} className="rounded border border-line bg-sunken px-1.5 py-0.5 text-xs">{key}</kbd>
        ))}
      </span>
    </li>
  );
}

export function ShortcutHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { role } = useSession();
  const [on, setOn] = useState(shortcutsOn);
  return (
    <Dialog title="Keyboard shortcuts" open={open} onClose={onClose}>
      <ul className="pb-2">
        <Row keys={["Ctrl", "K"]} what="Go to or do" />
        <Row keys={["?"]} what="This list" />
        {places.filter((place) => may(role, place.role)).map((place) => (
          <Row key={place.to} keys={["g", place.key]} what={place.label} />
        ))}
      </ul>
      <div className="border-t border-line py-3">
        <Switch
          label="Single-key shortcuts"
          checked={on}
          onChange={(wanted) => {
            switchShortcuts(wanted);
            setOn(wanted);
          }}
        />
      </div>
    </Dialog>
  );
}
