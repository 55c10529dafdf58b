import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useCallback, useEffect, useState } from "react";
import { classes } from "@/shared/lib/classes";
import { listen, useConnected } from "@/shared/lib/events";
import { setTheme, useTheme } from "@/shared/lib/theme";
import { useSession } from "@/shared/session";
import { Icon, IconButton } from "@/shared/ui";
import { Mark } from "@/shared/ui/Mark";
import { may, sections } from "../navigation";
import { Account } from "./Account";
import { useLiveUpdates } from "./live";
import { Palette } from "./Palette";
import { ShortcutHelp } from "./ShortcutHelp";
import { StatusBar } from "./StatusBar";
import { Unfinished } from "./Unfinished";
import { useShortcuts } from "./shortcuts";

function SideBar({ onGo }: { onGo: () => void }) {
  const { role } = useSession();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const all = sections.flatMap((section) => section.places.map((place) => place.to));
  const here = all.filter((to) => path === to || path.startsWith(`${to}/`)).sort((one, other) => other.length - one.length)[0];
  return (
    <nav aria-label="Main" className="flex flex-col gap-5 px-3 py-4">
      {sections.map((section) => {
        const seen = section.places.filter((place) => may(role, place.role));
        if (seen.length === 0) return null;
        return (
          <div key={section.label}>
            <p className="px-3 pb-1 text-xs font-semibold tracking-wide text-soft uppercase">{section.label}</p>
            <ul className="flex flex-col gap-0.5">
              {seen.map((place) => (
                <li key={place.to}>
                  <Link
                    to={place.to}
                    onClick={onGo}
                    aria-current={place.to === here ? "page" : undefined}
                    className={classes(
                      "flex h-9 items-center gap-3 rounded-control px-3 font-medium",
                      place.to === here ? "bg-accent-soft text-accent" : "text-ink hover:bg-sunken",
                    )}
                  >
                    <Icon name={place.icon} />
                    {place.label}
                  </Link>
                </li>
              ))}
            </ul>
          </div>
        );
      })}
    </nav>
  );
}

function ThemeButton() {
  const { dark } = useTheme();
  return (
    <IconButton name={dark ? "Use the light theme" : "Use the dark theme"} onClick={() => setTheme(dark ? "light" : "dark")}>
      <Icon name={dark ? "sun" : "moon"} />
    </IconButton>
  );
}

/** Says so when the server does not answer; what is on the page stays and goes on by itself. */
function Away() {
  const connected = useConnected();
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (connected) {
      setLate(false);
      return undefined;
    }
    const timer = setTimeout(() => setLate(true), 2500);
    return () => clearTimeout(timer);
  }, [connected]);
  return (
    <div role="status">
      {late && (
        <p className="bg-warn-soft px-4 py-1.5 text-center text-sm text-warn">
          Laird does not answer. This page goes on by itself when it is back.
        </p>
      )}
    </div>
  );
}

/** What is around every page. */
export function Shell() {
  const [menu, setMenu] = useState(false);
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const openPalette = useCallback(() => setPalette(true), []);
  const openHelp = useCallback(() => setHelp(true), []);
  useShortcuts(openPalette, openHelp);
  useEffect(listen, []);
  useLiveUpdates();
  return (
    <div className="grid min-h-dvh grid-rows-[auto_1fr] md:grid-cols-[15rem_1fr] md:grid-rows-[auto_1fr]">
      <a href="#content" className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-60 focus:rounded-control focus:bg-raised focus:px-4 focus:py-2">
        Skip to the content
      </a>
      <header className="sticky top-0 z-30 flex h-14 items-center gap-2 border-b border-line bg-surface px-3 md:col-span-2">
        <span className="md:hidden">
          <IconButton name="Menu" aria-expanded={menu} onClick={() => setMenu(!menu)}>
            <Icon name="menu" />
          </IconButton>
        </span>
        <Link to="/models" className="flex items-center gap-2 px-1 text-lg font-semibold">
          <Mark size={26} />
          Laird
        </Link>
        <button
          type="button"
          onClick={openPalette}
          className="ml-4 flex h-9 min-w-0 items-center gap-2 rounded-control border border-line bg-page px-3 text-soft hover:text-ink max-sm:hidden md:w-64"
        >
          <Icon name="search" size={16} />
          <span className="grow truncate text-left">Go to or do…</span>
          <kbd className="text-xs">Ctrl K</kbd>
        </button>
        <div className="ml-auto flex items-center gap-1">
          <StatusBar />
          <ThemeButton />
          <Account />
        </div>
      </header>
      <aside className={classes("border-r border-line bg-surface", menu ? "fixed inset-x-0 top-14 bottom-0 z-20 overflow-y-auto" : "max-md:hidden")}>
        <div className="sticky top-14">
          <SideBar onGo={() => setMenu(false)} />
        </div>
      </aside>
      <main id="content" tabIndex={-1} className="min-w-0 outline-none">
        <Away />
        <Unfinished />
        <Outlet />
      </main>
      <Palette open={palette} onClose={() => setPalette(false)} onHelp={openHelp} />
      <ShortcutHelp open={help} onClose={() => setHelp(false)} />
    </div>
  );
}
