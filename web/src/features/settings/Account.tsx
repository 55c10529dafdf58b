import { useState } from "react";
import { date } from "@/shared/lib/format";
import { shortcutsOn, switchShortcuts } from "@/shared/lib/shortcuts";
import { setTheme, useTheme } from "@/shared/lib/theme";
import { useSession } from "@/shared/session";
import { Badge, Card, Facts, Segments, Switch } from "@/shared/ui";
import { Password } from "./Password";
import { roleWords } from "./roles";
import { Sessions } from "./Sessions";

function Appearance() {
  const { wish } = useTheme();
  const [on, setOn] = useState(shortcutsOn);
  return (
    <Card title="This browser" note="Kept in this browser alone.">
      <div className="flex flex-col gap-4">
        <div className="flex flex-wrap items-center justify-between gap-3">
          <span id="theme-wish">Theme</span>
          <Segments
            name="Theme"
            value={wish}
            onChange={setTheme}
            tabs={[
              { id: "system", label: "As the system" },
              { id: "light", label: "Light" },
              { id: "dark", label: "Dark" },
            ]}
          />
        </div>
        <div>
          <Switch
            label="Single-key shortcuts"
            checked={on}
            onChange={(wanted) => {
              switchShortcuts(wanted);
              setOn(wanted);
            }}
          />
          <p className="mt-1 text-sm text-soft">
            Press <kbd>?</kbd> for the list of them. <kbd>Ctrl K</kbd> works either way.
          </p>
        </div>
      </div>
    </Card>
  );
}

/** Who is signed in, and what is theirs alone. */
export function Account() {
  const who = useSession();
  return (
    <div className="grid items-start gap-5 lg:grid-cols-2">
      <div className="flex min-w-0 flex-col gap-5">
        <Card title="You" flush>
          <Facts
            facts={[
              ["Name", <strong key="name">{who.name}</strong>],
              ["Role", <span key="role"><Badge tone="accent">{who.role}</Badge> <span className="text-soft">{roleWords[who.role]}</span></span>],
              ...(who.person === null ? [] : [["Since", date(who.person.created_us / 1000)] as const]),
            ]}
          />
        </Card>
        <Appearance />
        {who.person !== null && <Password name={who.person.name} />}
      </div>
      {who.person !== null && <Sessions />}
    </div>
  );
}
