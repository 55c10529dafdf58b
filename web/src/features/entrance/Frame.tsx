import { type ReactNode, useEffect } from "react";
import { Mark } from "@/shared/ui/Mark";

/** A small page in the middle, for those who are not in yet. */
export function Frame({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Laird`;
  }, [title]);
  return (
    <main className="grid min-h-dvh place-items-center px-4 py-10">
      <div className="flex w-full max-w-sm flex-col gap-5 rounded-card border border-line bg-surface p-6 shadow-sm">
        <div className="flex flex-col items-center gap-3 text-center">
          <Mark size={44} />
          <h1 className="text-xl font-semibold">{title}</h1>
        </div>
        {children}
      </div>
    </main>
  );
}
